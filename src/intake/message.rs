//! Copies a librdkafka message into a record that outlives it.

use std::ffi::CStr;
use std::marker::PhantomData;
use std::ptr;

use rdkafka::Message as _;
use rdkafka::bindings as native;
use rdkafka::message::BorrowedMessage;

use crate::record::{Header, Record};

/// Copies a message. It must be copied: a borrowed one keeps the whole fetch it came with in memory.
pub(crate) fn record(message: &BorrowedMessage<'_>) -> Record {
    Record::new(
        message.offset(),
        message.timestamp().to_millis(),
        message.key(),
        message.payload(),
        headers(message),
    )
}

/// The message's headers, read without rdkafka's wrapper, which panics on a name that is not UTF-8.
#[derive(Clone)]
struct Headers<'a> {
    list: *mut native::rd_kafka_headers_t,
    next: usize,
    /// The message that the list belongs to.
    alive: PhantomData<&'a BorrowedMessage<'a>>,
}

#[expect(unsafe_code, reason = "rdkafka's safe accessor panics on a header name that is not UTF-8")]
fn headers<'a>(message: &'a BorrowedMessage<'_>) -> Headers<'a> {
    let mut list = ptr::null_mut();
    // SAFETY: the message is alive, and `list` is only written where the call succeeds. The message owns the
    // list, and nothing detaches it.
    let code = unsafe { native::rd_kafka_message_headers(message.ptr(), &raw mut list) };
    let has_some = code == native::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR;
    Headers { list: if has_some { list } else { ptr::null_mut() }, next: 0, alive: PhantomData }
}

impl<'a> Iterator for Headers<'a> {
    type Item = Header<'a>;

    #[expect(unsafe_code, reason = "rdkafka's safe accessor panics on a header name that is not UTF-8")]
    fn next(&mut self) -> Option<Header<'a>> {
        if self.list.is_null() {
            return None;
        }
        let (mut name, mut value, mut size) = (ptr::null(), ptr::null(), 0);
        // SAFETY: the list belongs to the message, which outlives 'a; the pointers are written on success.
        let code = unsafe {
            native::rd_kafka_header_get_all(
                self.list,
                self.next,
                &raw mut name,
                &raw mut value,
                &raw mut size,
            )
        };
        if code != native::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR || name.is_null() {
            return None;
        }
        self.next += 1;
        // SAFETY: librdkafka ends names with NUL and gives `size` readable bytes at a value that is not null;
        // both live as long as the message.
        unsafe {
            let name = CStr::from_ptr(name).to_bytes();
            let value = (!value.is_null()).then(|| std::slice::from_raw_parts(value.cast::<u8>(), size));
            Some((name, value))
        }
    }
}
