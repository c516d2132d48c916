//! What holds for every line, checked on lines that the layer wrote.
