//! Record headers as librdkafka holds them, names that are not UTF-8 included.

use rdkafka::bindings as native;
use rdkafka::message::OwnedHeaders;

use super::events::Header;

/// These headers; none where there are none.
pub fn native_headers(headers: &[Header]) -> Option<OwnedHeaders> {
    if headers.is_empty() {
        return None;
    }
    let list = OwnedHeaders::new_with_capacity(headers.len());
    for (name, value) in headers {
        add(&list, name, value.as_deref());
    }
    Some(list)
}

#[expect(unsafe_code, reason = "rdkafka's safe way takes names that are UTF-8 only")]
fn add(list: &OwnedHeaders, name: &[u8], value: Option<&[u8]>) {
    // A borrowed list is librdkafka's own, behind a type without content.
    let list = std::ptr::from_ref(list.as_borrowed()).cast_mut().cast::<native::rd_kafka_headers_t>();
    let bytes = value.map_or(std::ptr::null(), <[u8]>::as_ptr);
    let length = |bytes: &[u8]| isize::try_from(bytes.len()).unwrap();
    // SAFETY: the list is alive and nobody else holds it; librdkafka copies both name and value.
    let code = unsafe {
        native::rd_kafka_header_add(
            list,
            name.as_ptr().cast(),
            length(name),
            bytes.cast(),
            value.map_or(0, length),
        )
    };
    assert_eq!(code, native::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR);
}
