package main

import (
	"bufio"
	"fmt"
	"os"
	"sync"
)

// ack is one promise of the broker: this record of this partition lies at this offset.
type ack struct {
	partition int32
	offset    int64
	sequence  int64
}

// ackLog appends a line an acknowledgement. One write each and no fsync: this process is not the one that is killed.
type ackLog struct {
	mutex sync.Mutex
	file  *os.File
	count int64
}

func openAckLog(path string) (*ackLog, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	return &ackLog{file: file}, err
}

func (log *ackLog) append(a ack) error {
	log.mutex.Lock()
	defer log.mutex.Unlock()
	log.count++
	_, err := fmt.Fprintf(log.file, "%d %d %d\n", a.partition, a.offset, a.sequence)
	return err
}

func (log *ackLog) total() int64 {
	log.mutex.Lock()
	defer log.mutex.Unlock()
	return log.count
}

func readAckLog(path string) ([]ack, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var acks []ack
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		var a ack
		if _, err := fmt.Sscanf(lines.Text(), "%d %d %d", &a.partition, &a.offset, &a.sequence); err != nil {
			return nil, fmt.Errorf("line %q of %s: %w", lines.Text(), path, err)
		}
		acks = append(acks, a)
	}
	return acks, lines.Err()
}
