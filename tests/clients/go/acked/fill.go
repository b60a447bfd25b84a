package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// fill produces one record at a time, each tried once. With -expect it goes on until the broker has answered that error
// five times, and any other error fails; without, every record of -count must be accepted.
func fill(arguments []string) error {
	t := newTarget("fill")
	expect := t.flags.String("expect", "", "the error to wait for, e.g. KAFKA_STORAGE_ERROR")
	count := t.flags.Int("count", 100_000, "records at most")
	t.flags.Parse(arguments)
	ctx, cancel := context.WithTimeout(context.Background(), 120*time.Second)
	defer cancel()

	first, err := t.nextSequence()
	if err != nil {
		return err
	}
	log, err := openAckLog(*t.acks)
	if err != nil {
		return err
	}
	client, err := t.client(kgo.DisableIdempotentWrite(), kgo.RecordRetries(0), kgo.RequiredAcks(kgo.AllISRAcks()))
	if err != nil {
		return err
	}
	defer client.Close()
	if err := t.createTopic(ctx, client); err != nil {
		return fmt.Errorf("cannot create the topic: %w", err)
	}

	refused := 0
	for number := range int64(*count) {
		partition, sequence := int32(number)%int32(*t.partitions), first+number
		value := payload(partition, sequence)
		record, err := client.ProduceSync(ctx, &kgo.Record{Topic: *t.topic, Partition: partition, Value: value}).First()
		var broker *kerr.Error
		switch {
		case err == nil:
			if err := log.append(ack{partition, record.Offset, sequence}); err != nil {
				return err
			}
		case *expect != "" && errors.As(err, &broker) && broker.Message == *expect:
			if refused++; refused == 5 {
				fmt.Printf("acknowledged %d, then %s five times\n", log.total(), *expect)
				return nil
			}
		default:
			return fmt.Errorf("record %d: %w", number, err)
		}
	}
	if *expect != "" {
		return fmt.Errorf("%d records of %d bytes were accepted and %s never came", log.total(), fillBytes, *expect)
	}
	fmt.Printf("acknowledged %d\n", log.total())
	return nil
}

// nextSequence leaves a gap after what earlier runs logged: their refused records have numbers too.
func (t target) nextSequence() (int64, error) {
	acks, err := readAckLog(*t.acks)
	if err != nil {
		return fillFirst, nil
	}
	next := fillFirst
	for _, a := range acks {
		next = max(next, a.sequence+1_000_000)
	}
	return next, nil
}
