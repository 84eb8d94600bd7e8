//! Any bytes as a block of a packet socket's ring: no panic, and packets from nowhere but the block.

use egret_capture::PacketBatch;
use egret_capture::live::read_block;

pub(crate) fn run(data: &[u8]) {
    let mut batch = PacketBatch::default();
    read_block(data, &mut batch);
    // Each packet takes a header of its own, so there can't be many, and none can be longer than the block with a tag.
    assert!(batch.len() <= data.len() / 48);
    for packet in batch.packets() {
        assert!(packet.data.len() <= data.len());
    }
}
