//! Which flow has been idle longest: four queues in order of last activity, threaded through one compact array.
//!
//! Owns: the order of flows by activity, and the time of it. Every operation takes constant time; nothing is ever scanned.

const NONE: u32 = u32::MAX;

/// The queues, in the order in which flows are evicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Queue {
    /// Over, or as good as over, and remembered for a while.
    Lingering,
    /// TCP of which one side only was heard of.
    Opening,
    /// TCP of which both sides were heard of, or that carried data.
    Connected,
    /// UDP and ICMP sessions.
    Datagram,
}

impl Queue {
    pub(crate) const ALL: [Self; 4] = [Self::Lingering, Self::Opening, Self::Connected, Self::Datagram];
}

#[derive(Clone, Copy)]
struct Link {
    previous: u32,
    next: u32,
    /// Table time of the last activity, nanoseconds.
    active_at: i64,
    queue: Queue,
}

#[derive(Clone, Copy)]
struct Ends {
    first: u32,
    last: u32,
    length: usize,
}

pub(crate) struct Queues {
    links: Vec<Link>,
    lingering: Ends,
    opening: Ends,
    connected: Ends,
    datagram: Ends,
}

impl Queues {
    pub(crate) const fn new() -> Self {
        const EMPTY: Ends = Ends { first: NONE, last: NONE, length: 0 };
        Self { links: Vec::new(), lingering: EMPTY, opening: EMPTY, connected: EMPTY, datagram: EMPTY }
    }

    /// Puts `index`, which is in no queue, at the end of `queue`.
    pub(crate) fn push(&mut self, index: u32, queue: Queue, at: i64) {
        let link = Link { previous: self.ends(queue).last, next: NONE, active_at: at, queue };
        let slot = index as usize;
        if slot >= self.links.len() {
            self.links.resize(slot + 1, Link { previous: NONE, next: NONE, active_at: 0, queue });
        }
        if let Some(place) = self.links.get_mut(slot) {
            *place = link;
        }
        match self.links.get_mut(link.previous as usize) {
            Some(previous) => previous.next = index,
            None => self.ends(queue).first = index,
        }
        let ends = self.ends(queue);
        ends.last = index;
        ends.length += 1;
    }

    /// Takes `index` out of its queue.
    pub(crate) fn remove(&mut self, index: u32) {
        let Some(link) = self.links.get(index as usize).copied() else { return };
        match self.links.get_mut(link.previous as usize) {
            Some(previous) => previous.next = link.next,
            None => self.ends(link.queue).first = link.next,
        }
        match self.links.get_mut(link.next as usize) {
            Some(next) => next.previous = link.previous,
            None => self.ends(link.queue).last = link.previous,
        }
        self.ends(link.queue).length -= 1;
    }

    /// Notes activity of `index`, which belongs into `queue` now. A lingering flow's time runs from when it began to linger.
    #[inline]
    pub(crate) fn touch(&mut self, index: u32, queue: Queue, at: i64) {
        let last = self.ends(queue).last;
        let Some(link) = self.links.get_mut(index as usize) else { return };
        if link.queue == queue {
            if queue == Queue::Lingering {
                return;
            }
            if last == index {
                link.active_at = at;
                return;
            }
        }
        self.remove(index);
        self.push(index, queue, at);
    }

    /// The flow of `queue` that has been idle longest, and since when.
    pub(crate) fn oldest(&self, queue: Queue) -> Option<(u32, i64)> {
        let index = match queue {
            Queue::Lingering => self.lingering.first,
            Queue::Opening => self.opening.first,
            Queue::Connected => self.connected.first,
            Queue::Datagram => self.datagram.first,
        };
        self.links.get(index as usize).map(|link| (index, link.active_at))
    }

    /// Flows in `queue`.
    pub(crate) const fn len(&self, queue: Queue) -> usize {
        match queue {
            Queue::Lingering => self.lingering.length,
            Queue::Opening => self.opening.length,
            Queue::Connected => self.connected.length,
            Queue::Datagram => self.datagram.length,
        }
    }

    const fn ends(&mut self, queue: Queue) -> &mut Ends {
        match queue {
            Queue::Lingering => &mut self.lingering,
            Queue::Opening => &mut self.opening,
            Queue::Connected => &mut self.connected,
            Queue::Datagram => &mut self.datagram,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(queues: &mut Queues, queue: Queue) -> Vec<(u32, i64)> {
        std::iter::from_fn(|| queues.oldest(queue).inspect(|(index, _)| queues.remove(*index))).collect()
    }

    #[test]
    fn order_is_that_of_activity() {
        let mut queues = Queues::new();
        for index in 0..5 {
            queues.push(index, Queue::Connected, i64::from(index));
        }
        queues.touch(0, Queue::Connected, 10);
        queues.touch(3, Queue::Connected, 11);
        queues.touch(3, Queue::Connected, 12);
        queues.touch(2, Queue::Lingering, 13);
        queues.touch(2, Queue::Lingering, 14);
        queues.remove(4);
        let lengths = Queue::ALL.map(|queue| queues.len(queue));
        assert_eq!(lengths, [1, 0, 3, 0]);
        assert_eq!(drain(&mut queues, Queue::Connected), [(1, 1), (0, 10), (3, 12)]);
        assert_eq!(drain(&mut queues, Queue::Lingering), [(2, 13)]);
        assert_eq!(queues.oldest(Queue::Opening), None);
        assert_eq!(queues.len(Queue::Connected), 0);
    }
}
