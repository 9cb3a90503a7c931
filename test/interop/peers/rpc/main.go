// Both ends of HashiCorp's msgpack-RPC over yamux, driven by lines of JSON: a client that calls a
// server port of Consul's kind, and a server for its clients.
package main

import (
	"fmt"
	"io"
	"net/rpc"
	"sync"

	"lines"

	old "github.com/hashicorp/net-rpc-msgpackrpc"
	current "github.com/hashicorp/net-rpc-msgpackrpc/v2"
)

// order is what the test wants; each verb uses some of the fields.
type order struct {
	// Session names what `dial` has made.
	Session string
	Address string
	// Codec is the major version of net-rpc-msgpackrpc: 1 or 2.
	Codec int

	Key     string
	Index   uint64
	Bytes   int
	Streams int
	Calls   int

	KeepAliveMs int
	// ReadBytesPerMs slows a server's reading down; 0 reads as fast as it can.
	ReadBytesPerMs int
}

// report is what happens unasked.
type report struct {
	Kind string
	Text string
}

// peer holds what was dialed and what serves.
type peer struct {
	lock    sync.Mutex
	clients map[string]*client
	server  *server
}

func main() {
	p := &peer{clients: map[string]*client{}}
	lines.Serve(p.obey)
}

func (p *peer) obey(verb string, o order) (any, error) {
	switch verb {
	case "dial":
		c, err := dial(o)
		if err != nil {
			return nil, err
		}
		p.lock.Lock()
		defer p.lock.Unlock()
		p.clients[o.Session] = c
		return nil, nil
	case "serve":
		s, err := listen(o)
		if err != nil {
			return nil, err
		}
		p.lock.Lock()
		defer p.lock.Unlock()
		p.server = s
		return s.listener.Addr().String(), nil
	case "server.go-away":
		return nil, p.server.goAway()
	case "server.pings":
		return p.server.ping(o.Calls)
	}
	p.lock.Lock()
	c, known := p.clients[o.Session]
	p.lock.Unlock()
	if !known {
		return nil, fmt.Errorf("no session %q was dialed", o.Session)
	}
	return c.obey(verb, o)
}

func clientCodec(version int, stream io.ReadWriteCloser) rpc.ClientCodec {
	if version == 1 {
		return old.NewClientCodec(stream)
	}
	return current.NewClientCodec(stream)
}

func serverCodec(version int, stream io.ReadWriteCloser) rpc.ServerCodec {
	if version == 1 {
		return old.NewServerCodec(stream)
	}
	return current.NewServerCodec(stream)
}

// call is one exchange on a stream that carries one at a time.
func call(version int, codec rpc.ClientCodec, method string, args, reply any) error {
	if version == 1 {
		return old.CallWithCodec(codec, method, args, reply)
	}
	return current.CallWithCodec(codec, method, args, reply)
}
