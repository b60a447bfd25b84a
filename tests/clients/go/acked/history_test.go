package main

import (
	"strings"
	"testing"
)

// seen is one record as the log gives it back.
type seen struct {
	offset   int64
	sequence int64
}

// faultsOf runs partition 0 through the checker: acknowledgements as (offset, sequence), then the log.
func faultsOf(promises []seen, log []seen) string {
	var acks []ack
	for _, p := range promises {
		acks = append(acks, ack{0, p.offset, p.sequence})
	}
	var faults []string
	h := newHistory(acks, func(fault string) { faults = append(faults, fault) })
	for _, record := range log {
		h.see(0, record.offset, payload(0, record.sequence))
	}
	h.end(true)
	return strings.Join(faults, "; ")
}

// A checker that finds nothing proves nothing: each law is broken once.
func TestEveryLawIsFoundBroken(t *testing.T) {
	good := []seen{{0, 0}, {1, 1}, {2, 2}}
	cases := []struct {
		name          string
		promises, log []seen
		want          string
	}{
		{"nothing wrong", good, good, ""},
		{"lost at the end", good, good[:2], "acknowledged record 2 is lost"},
		{"lost in the middle", good, []seen{{0, 0}, {2, 2}}, "offset 2 where 1 had to come"},
		{"moved", good, []seen{{0, 0}, {1, 2}, {2, 1}}, "holds record 2, but was acknowledged for 1"},
		{"duplicate", good, append(good[:3:3], seen{3, 2}), "record 2 again or late"},
		{"one offset for two", append(good[:3:3], seen{2, 3}), good, "acknowledged for both"},
		{"acknowledged twice", append(good[:3:3], seen{3, 2}), good, "acknowledged twice"},
		{"no offset", []seen{{-1, 0}}, nil, "without an offset"},
		{"never acknowledged", good[:2], good, "nobody was told of"},
		{"log does not start at 0", nil, []seen{{5, 0}}, "offset 5 where 0 had to come"},
	}
	for _, c := range cases {
		got := faultsOf(c.promises, c.log)
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: got %q, wanted %q", c.name, got, c.want)
		}
	}
}

func TestOtherBytesAreFound(t *testing.T) {
	value := payload(3, 7)
	if sequence, err := sequenceOf(3, value); err != nil || sequence != 7 {
		t.Fatalf("got %d, %v", sequence, err)
	}
	value[len(value)-1] ^= 1
	if _, err := sequenceOf(3, value); err == nil {
		t.Error("a flipped bit went unseen")
	}
	if _, err := sequenceOf(2, payload(3, 7)); err == nil {
		t.Error("a record of another partition went unseen")
	}
}
