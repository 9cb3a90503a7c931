package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/rpc"
	"sync"
	"time"

	"github.com/hashicorp/yamux"
)

// typeMultiplexed is the first byte on a server port that yamux follows.
const typeMultiplexed = 4

// client is a session to a server port.
type client struct {
	session *yamux.Session
	codec   int
	lock    sync.Mutex
	// unread are streams whose answers nobody reads yet.
	unread []*yamux.Stream
}

func dial(o order) (*client, error) {
	connection, err := net.Dial("tcp", o.Address)
	if err != nil {
		return nil, err
	}
	if _, err := connection.Write([]byte{typeMultiplexed}); err != nil {
		return nil, err
	}
	session, err := yamux.Client(connection, yamuxConfig(o))
	return &client{session: session, codec: o.Codec}, err
}

func yamuxConfig(o order) *yamux.Config {
	config := yamux.DefaultConfig()
	config.LogOutput = logLines{}
	if o.KeepAliveMs > 0 {
		config.KeepAliveInterval = time.Duration(o.KeepAliveMs) * time.Millisecond
	}
	return config
}

func (c *client) obey(verb string, o order) (any, error) {
	switch verb {
	case "put":
		return nil, c.once(func(codec rpc.ClientCodec) error { return c.put(codec, o.Key, o.Bytes) })
	case "get":
		return nil, c.once(func(codec rpc.ClientCodec) error { return c.get(codec, o.Key, o.Bytes) })
	case "list":
		return c.list(o.Key)
	case "many":
		return c.many(o)
	case "half-close":
		return nil, c.halfClose(o)
	case "ask":
		return nil, c.ask(o)
	case "read":
		return c.readAll()
	case "abandon":
		return nil, c.abandon()
	case "pings":
		return pings(c.session, o.Calls)
	case "go-away":
		return nil, c.session.GoAway()
	case "closed":
		return c.session.IsClosed(), nil
	case "streams":
		return c.session.NumStreams(), nil
	case "close":
		return nil, c.session.Close()
	default:
		return nil, fmt.Errorf("a client does not know %q", verb)
	}
}

// once makes calls on a stream of their own.
func (c *client) once(calls func(codec rpc.ClientCodec) error) error {
	stream, err := c.session.OpenStream()
	if err != nil {
		return err
	}
	codec := clientCodec(c.codec, stream)
	defer codec.Close()
	return calls(codec)
}

// content is what the test's keys hold, so that every reader knows it.
func content(key string, size int) []byte {
	return bytes.Repeat([]byte(key+" "), size/(len(key)+1)+1)[:size]
}

func (c *client) put(codec rpc.ClientCodec, key string, size int) error {
	args := kvsRequest{Datacenter: "dc1", Op: "set"}
	args.DirEnt.Key, args.DirEnt.Value = key, content(key, size)
	var done bool
	return call(c.codec, codec, "KVS.Apply", &args, &done)
}

func (c *client) get(codec rpc.ClientCodec, key string, size int) error {
	var reply indexedDirEntries
	args := keyRequest{Datacenter: "dc1", Key: key}
	if err := call(c.codec, codec, "KVS.Get", &args, &reply); err != nil {
		return err
	}
	if len(reply.Entries) != 1 || !bytes.Equal(reply.Entries[0].Value, content(key, size)) {
		return fmt.Errorf("%d entries of %s, or wrong ones", len(reply.Entries), key)
	}
	return nil
}

// list counts the bytes of all values below a prefix.
func (c *client) list(prefix string) (int, error) {
	total := 0
	return total, c.once(func(codec rpc.ClientCodec) error {
		var reply indexedDirEntries
		args := keyRequest{Datacenter: "dc1", Key: prefix}
		if err := call(c.codec, codec, "KVS.List", &args, &reply); err != nil {
			return err
		}
		for _, entry := range reply.Entries {
			total += len(entry.Value)
		}
		return nil
	})
}

// many spreads calls over streams and tells how long they took, in milliseconds.
func (c *client) many(o order) (int64, error) {
	began := time.Now()
	failures := make(chan error, o.Streams)
	for range o.Streams {
		go func() {
			failures <- c.once(func(codec rpc.ClientCodec) error {
				for range o.Calls / o.Streams {
					if err := c.get(codec, o.Key, o.Bytes); err != nil {
						return err
					}
				}
				return nil
			})
		}()
	}
	for range o.Streams {
		if err := <-failures; err != nil {
			return 0, err
		}
	}
	return time.Since(began).Milliseconds(), nil
}

// halfClose asks, says that nothing more will come, and reads the answer all the same.
func (c *client) halfClose(o order) error {
	stream, err := c.session.OpenStream()
	if err != nil {
		return err
	}
	codec := clientCodec(c.codec, stream)
	args := keyRequest{Datacenter: "dc1", Key: o.Key}
	if err := codec.WriteRequest(&rpc.Request{ServiceMethod: "KVS.Get", Seq: 1}, &args); err != nil {
		return err
	}
	if err := stream.Close(); err != nil {
		return err
	}
	var header rpc.Response
	if err := codec.ReadResponseHeader(&header); err != nil {
		return err
	}
	var reply indexedDirEntries
	if err := codec.ReadResponseBody(&reply); err != nil {
		return err
	}
	if len(reply.Entries) != 1 || !bytes.Equal(reply.Entries[0].Value, content(o.Key, o.Bytes)) {
		return fmt.Errorf("%d entries of %s, or wrong ones", len(reply.Entries), o.Key)
	}
	rest, err := io.ReadAll(stream)
	if err != nil || len(rest) > 0 {
		return fmt.Errorf("%d bytes behind the answer, then %v", len(rest), err)
	}
	return nil
}

// ask sends requests on streams of their own and leaves the answers unread. With an index the
// request waits at the server for something newer.
func (c *client) ask(o order) error {
	for range o.Streams {
		stream, err := c.session.OpenStream()
		if err != nil {
			return err
		}
		args := keyRequest{Datacenter: "dc1", Key: o.Key}
		args.MinQueryIndex, args.MaxQueryTime = o.Index, int64(time.Minute)
		codec := clientCodec(c.codec, stream)
		request := rpc.Request{ServiceMethod: "KVS.List", Seq: 1}
		if err := codec.WriteRequest(&request, &args); err != nil {
			return err
		}
		c.lock.Lock()
		c.unread = append(c.unread, stream)
		c.lock.Unlock()
	}
	return nil
}

func (c *client) takeUnread() []*yamux.Stream {
	c.lock.Lock()
	defer c.lock.Unlock()
	unread := c.unread
	c.unread = nil
	return unread
}

// readAll reads the answers that were left and tells how many bytes their values have.
func (c *client) readAll() (int, error) {
	total := 0
	for _, stream := range c.takeUnread() {
		codec := clientCodec(c.codec, stream)
		var header rpc.Response
		if err := codec.ReadResponseHeader(&header); err != nil {
			return total, err
		}
		var reply indexedDirEntries
		if err := codec.ReadResponseBody(&reply); err != nil {
			return total, err
		}
		for _, entry := range reply.Entries {
			total += len(entry.Value)
		}
		if err := codec.Close(); err != nil {
			return total, err
		}
	}
	return total, nil
}

// abandon closes the streams of requests that were not answered yet.
func (c *client) abandon() error {
	for _, stream := range c.takeUnread() {
		if err := stream.Close(); err != nil {
			return err
		}
	}
	return nil
}

// pings measures round trips; the slowest in milliseconds.
func pings(session *yamux.Session, count int) (float64, error) {
	slowest := time.Duration(0)
	for range count {
		took, err := session.Ping()
		if err != nil {
			return 0, err
		}
		slowest = max(slowest, took)
	}
	return slowest.Seconds() * 1000, nil
}
