package main

import "fmt"

// history checks one topic, record by record in the order of the log, against what was acknowledged.
// Its laws: offsets are dense from the start; a record is there once, with the bytes that were sent, after all that were sent
// before it; an acknowledged record lies at its acknowledged offset; two acknowledgements never name one offset.
type history struct {
	promised map[int32]map[int64]int64 // partition -> offset -> sequence, each removed when its record was seen
	next     map[int32]int64           // partition -> the offset that must come now
	newest   map[int32]int64           // partition -> the highest sequence seen
	records  int64
	unacked  int64
	faults   int64
	report   func(string)
}

// faultsMax bounds the printed faults: the first ones tell the story.
const faultsMax = 20

func newHistory(acks []ack, report func(string)) *history {
	h := &history{promised: map[int32]map[int64]int64{}, next: map[int32]int64{}, newest: map[int32]int64{}, report: report}
	sequences := map[int32]map[int64]bool{}
	for _, a := range acks {
		if h.promised[a.partition] == nil {
			h.promised[a.partition], sequences[a.partition] = map[int64]int64{}, map[int64]bool{}
		}
		if other, taken := h.promised[a.partition][a.offset]; taken {
			h.fault("partition %d offset %d was acknowledged for both %d and %d", a.partition, a.offset, other, a.sequence)
		}
		if a.offset < 0 {
			h.fault("partition %d record %d was acknowledged without an offset (%d)", a.partition, a.sequence, a.offset)
		}
		if sequences[a.partition][a.sequence] {
			h.fault("partition %d record %d was acknowledged twice", a.partition, a.sequence)
		}
		h.promised[a.partition][a.offset] = a.sequence
		sequences[a.partition][a.sequence] = true
	}
	return h
}

func (h *history) fault(format string, arguments ...any) {
	if h.faults++; h.faults <= faultsMax {
		h.report(fmt.Sprintf(format, arguments...))
	}
}

// see takes the next record of a partition's log.
func (h *history) see(partition int32, offset int64, value []byte) {
	h.records++
	if offset != h.next[partition] {
		h.fault("partition %d: offset %d where %d had to come", partition, offset, h.next[partition])
	}
	h.next[partition] = offset + 1
	sequence, err := sequenceOf(partition, value)
	if err != nil {
		h.fault("partition %d offset %d holds %v", partition, offset, err)
		return
	}
	newest, some := h.newest[partition]
	if some && sequence <= newest {
		h.fault("partition %d offset %d: record %d again or late, %d came before it", partition, offset, sequence, newest)
	}
	h.newest[partition] = max(newest, sequence)
	promise, acked := h.promised[partition][offset]
	switch {
	case !acked:
		h.unacked++
	case promise != sequence:
		h.fault("partition %d offset %d holds record %d, but was acknowledged for %d", partition, offset, sequence, promise)
	}
	delete(h.promised[partition], offset)
}

// end counts what was promised and never seen. After a clean flush (complete) nothing may be in the log beyond the promises.
func (h *history) end(complete bool) {
	for partition, offsets := range h.promised {
		for offset, sequence := range offsets {
			h.fault("partition %d offset %d: acknowledged record %d is lost", partition, offset, sequence)
		}
	}
	if complete && h.unacked > 0 {
		h.fault("%d records are in the log that nobody was told of", h.unacked)
	}
}
