//! Proves a saga: every fault, at every step and every write, must leave a clean world.
