// Package lines lets a test drive a program by lines of JSON.
//
// Each line of the standard input is one order, answered by one line with the same id. What happens
// unasked comes as lines without an id. The program ends when its input does, so that it never
// outlives the test that started it.
package lines

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"sync"
)

const lineBytesMax = 16 * 1024 * 1024

type answer struct {
	ID    int
	Error string
	Value any
}

// outputLock keeps the lines of the many that write apart.
var outputLock sync.Mutex

// Say writes one line unasked.
func Say(value any) {
	line, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	outputLock.Lock()
	defer outputLock.Unlock()
	os.Stdout.Write(append(line, '\n'))
}

// Serve obeys orders until the input ends. They run side by side, for some take seconds.
func Serve[Order any](obey func(verb string, order Order) (any, error)) {
	input := bufio.NewScanner(os.Stdin)
	input.Buffer(nil, lineBytesMax)
	for input.Scan() {
		var head struct {
			ID   int
			Verb string
		}
		var order Order
		if err := read(input.Bytes(), &head, &order); err != nil {
			fmt.Fprintln(os.Stderr, "unreadable order:", err)
			os.Exit(2)
		}
		go func() {
			value, err := obey(head.Verb, order)
			a := answer{ID: head.ID, Value: value}
			if err != nil {
				a.Error = err.Error()
			}
			Say(a)
		}()
	}
}

func read(line []byte, targets ...any) error {
	for _, target := range targets {
		if err := json.Unmarshal(line, target); err != nil {
			return err
		}
	}
	return nil
}
