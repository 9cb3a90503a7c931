// A server of a raft group on HashiCorp's library, driven by lines of JSON.
//
// The one argument says as JSON what server this is. Each line of the standard input is one order,
// answered by one line with the same id. The program ends when its input does, so that it never
// outlives the test that started it.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"sync"
)

// order is what the test wants; each verb uses some of the fields.
type order struct {
	ID        int
	Verb      string
	Server    string
	Address   string
	PrevIndex uint64
	Commands  [][]byte
	Behind    uint64
	Question  question
}

// answer is the outcome of an order.
type answer struct {
	ID    int
	Error string
	Value any
}

func main() {
	peer, err := start(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "cannot start:", err)
		os.Exit(1)
	}
	var output sync.Mutex
	say := func(a answer) {
		line, err := json.Marshal(a)
		if err != nil {
			panic(err)
		}
		output.Lock()
		defer output.Unlock()
		os.Stdout.Write(append(line, '\n'))
	}
	say(answer{})
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 64*1024*1024)
	for lines.Scan() {
		var o order
		if err := json.Unmarshal(lines.Bytes(), &o); err != nil {
			fmt.Fprintln(os.Stderr, "unreadable order:", err)
			os.Exit(2)
		}
		// A change or a transfer takes its time, and others have to be served meanwhile.
		go func() {
			value, err := peer.obey(o)
			a := answer{ID: o.ID, Value: value}
			if err != nil {
				a.Error = err.Error()
			}
			say(a)
		}()
	}
}
