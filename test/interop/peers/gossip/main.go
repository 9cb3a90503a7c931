// A gossip pool of HashiCorp's serf or bare memberlist members, driven by lines of JSON.
package main

import "lines"

// order is what the test wants of one member; each verb uses some of the fields.
type order struct {
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

// report is what a member says unasked: a log line, or something that it heard.
type report struct {
	Node    string
	Kind    string
	Text    string
	Payload []byte
}

func main() {
	members := newPool()
	lines.Serve(members.obey)
}
