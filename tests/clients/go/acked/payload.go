package main

import (
	"bytes"
	"fmt"
	"strconv"
)

const (
	fillFirst = int64(1) << 40
	fillBytes = 400_000
)

// payload is the value of record number `sequence` of a partition: "<partition>/<sequence>:" and a body of its own.
// Most bodies are small, one in 256 is 64 KiB to 192 KiB, so that both a broker's small and its large paths are walked.
// Numbers from fillFirst on belong to `fill`; their bodies are all of fillBytes.
func payload(partition int32, sequence int64) []byte {
	state := uint64(partition)<<48 ^ uint64(sequence)
	size := int(mix(&state) % 1400)
	if mix(&state)%256 == 0 {
		size = 64<<10 + int(mix(&state)%(128<<10))
	}
	if sequence >= fillFirst {
		size = fillBytes
	}
	value := fmt.Appendf(nil, "%d/%d:", partition, sequence)
	for range (size + 7) / 8 {
		word := mix(&state)
		for shift := 0; shift < 64; shift += 8 {
			value = append(value, byte(word>>shift))
		}
	}
	return value
}

// mix is splitmix64: one well spread word a call.
func mix(state *uint64) uint64 {
	*state += 0x9e3779b97f4a7c15
	word := *state
	word = (word ^ word>>30) * 0xbf58476d1ce4e5b9
	word = (word ^ word>>27) * 0x94d049bb133111eb
	return word ^ word>>31
}

// sequenceOf reads the number of a record back and compares every byte with what was sent.
func sequenceOf(partition int32, value []byte) (int64, error) {
	head, _, found := bytes.Cut(value, []byte(":"))
	if !found {
		return 0, fmt.Errorf("%d bytes that nobody sent", len(value))
	}
	home, number, found := bytes.Cut(head, []byte("/"))
	sequence, err := strconv.ParseInt(string(number), 10, 64)
	if !found || err != nil {
		return 0, fmt.Errorf("a head that nobody sent: %.40q", head)
	}
	if string(home) != strconv.Itoa(int(partition)) {
		return 0, fmt.Errorf("record %s of another partition", head)
	}
	if !bytes.Equal(value, payload(partition, sequence)) {
		return 0, fmt.Errorf("record %s with other bytes than were sent", head)
	}
	return sequence, nil
}
