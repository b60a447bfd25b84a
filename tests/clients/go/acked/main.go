// Command acked tells whether a broker keeps what it acknowledged.
//
//	acked produce   an idempotent producer of numbered records that outlives broker restarts and logs every acknowledgement
//	acked fill      one record at a time without a retry, until the broker refuses or a count is reached
//	acked verify    reads every partition from its start and compares it with the log of acknowledgements
//	acked members   a whole consumer group that outlives broker restarts and watches what it committed
//
// A record's bytes follow from its partition and number (payload.go), so verify knows each of them without having stored one.
package main

import (
	"fmt"
	"os"
)

func main() {
	verbs := map[string]func([]string) error{"produce": produce, "fill": fill, "verify": verify, "members": members}
	if len(os.Args) < 2 || verbs[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: acked produce|fill|verify|members -h")
		os.Exit(2)
	}
	if err := verbs[os.Args[1]](os.Args[2:]); err != nil {
		fmt.Println("FAIL:", err)
		os.Exit(1)
	}
}
