//! How many connections each worker has, so that those which have fewer get the next.

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::AsFd as _;
use std::os::unix::fs::FileExt as _;
use std::os::unix::net::UnixStream as Channel;

use rustix::fs::{MemfdFlags, memfd_create};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

/// More workers than this, and the others are as the kernel has it, and count for themselves.
pub(crate) const MOST: usize = 256;

/// Of a place where no worker is that has served.
const ABSENT: u32 = u32::MAX;

/// Of a worker that does not accept any more.
const LEAVING: u32 = ABSENT - 1;

/// A number for each worker, in memory that all have in common.
#[derive(Debug)]
pub(crate) struct Table(File);

impl Table {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self(memfd_create(c"gopuram", MemfdFlags::CLOEXEC)?.into()))
    }

    fn set(&self, place: usize, open: u32) {
        if place < MOST {
            // A number that is not right makes for uneven shares, and nothing else.
            drop(self.0.write_at(&open.to_le_bytes(), 4 * place as u64));
        }
    }

    /// The worker there accepts no more, and may have requests in flight.
    pub(crate) fn leave(&self, place: usize) {
        self.set(place, LEAVING);
    }

    /// No worker is there.
    pub(crate) fn vacate(&self, place: usize) {
        self.set(place, ABSENT);
    }

    /// Gives a worker its place, before anything else is said.
    pub(crate) fn give(&self, place: usize, channel: &Channel) -> io::Result<()> {
        self.vacate(place);
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let table = [self.0.as_fd()];
        control.push(SendAncillaryMessage::ScmRights(&table));
        let place = u32::try_from(place).unwrap_or(ABSENT).to_le_bytes();
        sendmsg(
            channel,
            &[IoSlice::new(&place)],
            &mut control,
            SendFlags::empty(),
        )?;
        Ok(())
    }
}

/// A worker's place among all.
#[derive(Debug)]
pub(crate) struct Share {
    table: Table,
    place: usize,
}

impl Share {
    /// What the supervisor has given.
    pub(crate) fn receive(channel: &Channel) -> io::Result<Self> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut place = [0; 4];
        recvmsg(
            channel,
            &mut [IoSliceMut::new(&mut place)],
            &mut control,
            RecvFlags::CMSG_CLOEXEC,
        )?;
        let table = control.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
            _ => None,
        });
        let table = table.ok_or(io::ErrorKind::UnexpectedEof)?;
        Ok(Self {
            table: Table(table.into()),
            place: usize::try_from(u32::from_le_bytes(place)).unwrap_or(MOST),
        })
    }

    /// The memory that all have in common, in which the connections of each come first.
    pub(crate) const fn file(&self) -> &File {
        &self.table.0
    }

    pub(crate) const fn place(&self) -> usize {
        self.place
    }

    /// Whether a worker is in a place, that leaves perhaps.
    pub(crate) fn is_taken(&self, place: usize) -> bool {
        let mut open = [0; 4];
        let read = self.file().read_exact_at(&mut open, 4 * place as u64);
        read.is_ok() && u32::from_le_bytes(open) != ABSENT
    }

    /// Tells how many connections this worker has; whether another has fewer, and should have the next.
    pub(crate) fn gives_way(&self, open: u64) -> bool {
        let open = u32::try_from(open).unwrap_or(LEAVING).min(LEAVING - 1);
        self.table.set(self.place, open);
        let mut all = [0; 4 * MOST];
        let len = self.table.0.read_at(&mut all, 0).unwrap_or_default();
        let (numbers, _) = all.as_chunks::<4>();
        let others = numbers
            .iter()
            .take(len / 4)
            .enumerate()
            .filter(|(place, _)| *place != self.place)
            .map(|(_, number)| u32::from_le_bytes(*number));
        let fewest = others.filter(|open| *open < LEAVING).min();
        // To be quite even is not worth a millisecond each time.
        fewest.is_some_and(|fewest| open > fewest.saturating_add(fewest / 8))
    }
}
