//! `stoa-docker` against a real Docker. Without one these tests fail, unless `STOA_SKIP_DOCKER=1`.

mod ground;
mod timing;
