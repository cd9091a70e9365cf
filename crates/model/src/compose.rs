//! A stack as a Compose file, for the person at the machine.

use crate::stack::Stack;

/// The Compose file of a stack, made by a YAML serializer from typed values.
pub fn render(stack: &Stack) -> String {
    let _ = stack;
    String::new()
}
