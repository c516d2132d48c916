//! Every metric moves when what it tells of happens, on the real parts; and there are never more series than words.

mod outcomes;
