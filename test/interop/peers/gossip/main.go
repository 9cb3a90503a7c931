// A gossip pool of HashiCorp's serf or bare memberlist members, driven by lines of JSON.
//
// Each line of the standard input is one order, answered by one line with the same id. What members
// log, hear and are asked comes as lines without an id, as it happens. The program ends when its
// input does, so that it never outlives the test that started it.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"sync"
)

// order is what the test wants of one member; each verb uses some of the fields.
type order struct {
	ID   int
	Verb string
	Node string

	Options options

	Addresses []string
	IgnoreOld bool
	Name      string
	Payload   []byte
	Coalesce  bool
	Tags      map[string]string
	To        string
	Gate      rules
	Relay     uint8
	Acks      bool
	TimeoutMs int
	Operation string
	Key       string
	Prune     bool
}

// answer is the outcome of an order.
type answer struct {
	ID    int
	Error string
	Value any
}

// report is what a member says unasked: a log line, or something that it heard.
type report struct {
	Node    string
	Kind    string
	Text    string
	Payload []byte
}

// outputLock keeps the lines of the many that write apart.
var outputLock sync.Mutex

func say(value any) {
	line, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	outputLock.Lock()
	defer outputLock.Unlock()
	os.Stdout.Write(append(line, '\n'))
}

func main() {
	members := newPool()
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 16*1024*1024)
	for lines.Scan() {
		var o order
		if err := json.Unmarshal(lines.Bytes(), &o); err != nil {
			fmt.Fprintln(os.Stderr, "unreadable order:", err)
			os.Exit(2)
		}
		// A leave or a query takes seconds, and others have to be served meanwhile.
		go func() {
			value, err := members.obey(o)
			a := answer{ID: o.ID, Value: value}
			if err != nil {
				a.Error = err.Error()
			}
			say(a)
		}()
	}
}
