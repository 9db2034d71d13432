//! Settings of the system's memory allocator.

/// Keeps freed memory from piling up; to be called before threads are made. It does nothing on
/// systems without glibc.
///
/// glibc makes up to eight arenas for each core, raises the size from which a buffer has a mapping
/// of its own to that of the largest one so far, and keeps what is freed in an arena. The buffers of
/// witnesses, some megabytes each, are allocated by many threads, so that after some thousand blocks
/// four fifths of the heap were free and kept. With an arena for each core and a fixed size, most of
/// their memory returns to the system.
pub(crate) fn configure() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        set(libc::M_ARENA_MAX, cores);
        set(libc::M_MMAP_THRESHOLD, MAPPED_BYTES);
    }
}

/// Returns the free memory of all arenas to the system. It blocks allocations for a few
/// milliseconds. It does nothing on systems without glibc.
///
/// By itself, glibc returns only what is free at the end of an arena; a small buffer there that is
/// in use, such as an entry of a cache, keeps everything before it.
pub(crate) fn trim() {
    // SAFETY: malloc_trim takes a number of bytes to keep and may be called at any time.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Size in bytes from which a buffer has a mapping of its own. Mapping costs a system call and a
/// fault for each page, which is little beside the work on a megabyte.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const MAPPED_BYTES: usize = 1 << 20;

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn set(parameter: libc::c_int, value: usize) -> bool {
    let value = libc::c_int::try_from(value).unwrap_or(libc::c_int::MAX);
    // SAFETY: mallopt takes two integers and may be called at any time. A refused value changes
    // nothing.
    unsafe { libc::mallopt(parameter, value) == 1 }
}

#[cfg(all(test, target_os = "linux", target_env = "gnu"))]
mod tests {
    use super::*;

    #[test]
    fn the_parameters_are_accepted() {
        assert!(set(libc::M_ARENA_MAX, 2) && set(libc::M_MMAP_THRESHOLD, MAPPED_BYTES));
    }
}
