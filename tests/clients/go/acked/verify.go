package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// verify reads each partition from its start to its end, assigned by hand, and holds it against the acknowledgements.
func verify(arguments []string) error {
	t := newTarget("verify")
	complete := t.flags.Bool("complete", false, "the producer ended cleanly: every record must have been acknowledged")
	t.flags.Parse(arguments)
	acks, err := readAckLog(*t.acks)
	if err != nil {
		return err
	}
	if len(acks) == 0 {
		return errors.New("nothing was acknowledged, so nothing is proven")
	}
	h := newHistory(acks, func(fault string) { fmt.Println(fault) })
	if err := t.read(h); err != nil {
		return err
	}
	h.end(*complete)
	fmt.Printf("acknowledged %d, read %d, not acknowledged but there %d, faults %d\n", len(acks), h.records, h.unacked, h.faults)
	if h.faults > 0 {
		return fmt.Errorf("%d faults, the first of them above", h.faults)
	}
	return nil
}

// read shows every record below the current end of the topic to the history.
func (t target) read(h *history) error {
	starts := map[int32]kgo.Offset{}
	for partition := range int32(*t.partitions) {
		starts[partition] = kgo.NewOffset().AtStart()
	}
	client, err := t.client(
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{*t.topic: starts}),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
	)
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	listed, err := kadm.NewClient(client).ListEndOffsets(ctx, *t.topic)
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		return fmt.Errorf("cannot list the end offsets: %w", err)
	}
	ends := map[int32]int64{}
	listed.Each(func(o kadm.ListedOffset) {
		if o.Offset > 0 {
			ends[o.Partition] = o.Offset
		}
	})
	return drain(client, h, ends)
}

// drain polls until each partition has reached its end; 30 s without a record are a stuck consumer.
func drain(client *kgo.Client, h *history, ends map[int32]int64) error {
	for len(ends) > 0 {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		fetches := client.PollFetches(ctx)
		cancel()
		for _, fault := range fetches.Errors() {
			if errors.Is(fault.Err, context.DeadlineExceeded) {
				return fmt.Errorf("no record for 30 s although these ends are not reached: %v (next: %v)", ends, h.next)
			}
			return fmt.Errorf("fetch of partition %d: %w", fault.Partition, fault.Err)
		}
		fetches.EachRecord(func(record *kgo.Record) {
			if end, open := ends[record.Partition]; open && record.Offset < end {
				h.see(record.Partition, record.Offset, record.Value)
				if record.Offset+1 >= end {
					delete(ends, record.Partition)
				}
			}
		})
	}
	return nil
}
