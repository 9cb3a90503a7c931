package main

import (
	"errors"
	"log"
	"net"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"
)

// rules say what does not pass between a member and the network.
type rules struct {
	DropPacketsIn  bool
	DropPacketsOut bool
	DropStreams    bool
	// DelayMs is how much later packets of ours leave.
	DelayMs int
	// From narrows DropPacketsIn to one peer, PacketsTo narrows DropPacketsOut; empty: everybody.
	From      string
	PacketsTo string
}

// gate is memberlist's own transport with a door in it, for faults that need no root.
type gate struct {
	*memberlist.NetTransport
	rules   atomic.Pointer[rules]
	packets chan *memberlist.Packet
	streams chan net.Conn
}

func openGate(bind string, port int, logger *log.Logger) (*gate, error) {
	network, err := memberlist.NewNetTransport(&memberlist.NetTransportConfig{
		BindAddrs: []string{bind},
		BindPort:  port,
		Logger:    logger,
	})
	if err != nil {
		return nil, err
	}
	g := &gate{
		NetTransport: network,
		packets:      make(chan *memberlist.Packet),
		streams:      make(chan net.Conn),
	}
	g.setRules(rules{})
	go g.passPackets()
	go g.passStreams()
	return g, nil
}

func (g *gate) setRules(r rules) { g.rules.Store(&r) }

func (g *gate) passPackets() {
	for packet := range g.NetTransport.PacketCh() {
		r := g.rules.Load()
		if r.DropPacketsIn && (r.From == "" || r.From == packet.From.String()) {
			continue
		}
		g.packets <- packet
	}
}

func (g *gate) passStreams() {
	for stream := range g.NetTransport.StreamCh() {
		if g.rules.Load().DropStreams {
			stream.Close()
			continue
		}
		g.streams <- stream
	}
}

func (g *gate) PacketCh() <-chan *memberlist.Packet { return g.packets }
func (g *gate) StreamCh() <-chan net.Conn           { return g.streams }

func (g *gate) WriteTo(bytes []byte, to string) (time.Time, error) {
	r := g.rules.Load()
	if r.DropPacketsOut && (r.PacketsTo == "" || r.PacketsTo == to) {
		return time.Now(), nil
	}
	if r.DelayMs > 0 {
		late := append([]byte(nil), bytes...)
		time.AfterFunc(time.Duration(r.DelayMs)*time.Millisecond, func() {
			// A packet that cannot be sent is a lost one.
			_, _ = g.NetTransport.WriteTo(late, to)
		})
		return time.Now(), nil
	}
	return g.NetTransport.WriteTo(bytes, to)
}

func (g *gate) WriteToAddress(bytes []byte, to memberlist.Address) (time.Time, error) {
	return g.WriteTo(bytes, to.Addr)
}

func (g *gate) DialTimeout(to string, timeout time.Duration) (net.Conn, error) {
	if g.rules.Load().DropStreams {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("the gate is shut")}
	}
	return g.NetTransport.DialTimeout(to, timeout)
}

func (g *gate) DialAddressTimeout(to memberlist.Address, timeout time.Duration) (net.Conn, error) {
	return g.DialTimeout(to.Addr, timeout)
}
