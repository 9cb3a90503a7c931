package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"time"

	"github.com/hashicorp/raft"
	"github.com/hashicorp/serf/serf"
)

// options say what server this is.
type options struct {
	ID      string
	Name    string
	Address string
	// Host to gossip at; empty: not in any pool.
	GossipHost   string
	Datacenter   string
	Join         []string
	ReadReplica  bool
	TrailingLogs uint64
	// Times in the format of newer msgpack libraries, where the library knows it.
	NewTimeFormat bool
}

const (
	rpcTimeout   = 10 * time.Second
	applyTimeout = 10 * time.Second
	poolMax      = 3
)

// peer is one raft server with its state machine, transport and, when wanted, gossip.
type peer struct {
	raft      *raft.Raft
	fsm       *stub
	transport *transport
	gossip    *serf.Serf
}

func start(args []string) (*peer, error) {
	if len(args) != 1 {
		return nil, errors.New("usage: raft '{\"ID\":…}'")
	}
	var o options
	if err := json.Unmarshal([]byte(args[0]), &o); err != nil {
		return nil, err
	}
	layer, err := listen(o.Address)
	if err != nil {
		return nil, err
	}
	p := &peer{fsm: newStub(), transport: newTransport(layer, o)}
	config := raft.DefaultConfig()
	config.LocalID = raft.ServerID(o.ID)
	config.LogOutput = os.Stderr
	config.ShutdownOnRemove = false
	config.TrailingLogs = o.TrailingLogs
	// Snapshots are taken when the test asks.
	config.SnapshotThreshold = math.MaxUint32
	store := raft.NewInmemStore()
	p.raft, err = raft.NewRaft(config, p.fsm, store, store, raft.NewInmemSnapshotStore(), p.transport)
	if err != nil {
		return nil, err
	}
	methods, err := newStatus(p.raft)
	if err != nil {
		return nil, err
	}
	layer.methods.Store(methods)
	if o.GossipHost != "" {
		p.gossip, err = joinPool(o)
	}
	return p, err
}

func (p *peer) obey(o order) (any, error) {
	id, address := raft.ServerID(o.Server), raft.ServerAddress(o.Address)
	switch o.Verb {
	case "state":
		return p.state(), nil
	case "configuration":
		return p.configuration()
	case "bootstrap":
		self := raft.Server{ID: id, Address: address}
		return nil, p.raft.BootstrapCluster(raft.Configuration{Servers: []raft.Server{self}}).Error()
	case "apply":
		return p.apply(o.Commands), nil
	case "barrier":
		return nil, p.raft.Barrier(applyTimeout).Error()
	case "verify":
		return nil, p.raft.VerifyLeader().Error()
	case "snapshot":
		return nil, p.raft.Snapshot().Error()
	case "transfer":
		if o.Server == "" {
			return nil, p.raft.LeadershipTransfer().Error()
		}
		return nil, p.raft.LeadershipTransferToServer(id, address).Error()
	case "add-voter":
		return nil, p.raft.AddVoter(id, address, o.PrevIndex, applyTimeout).Error()
	case "add-nonvoter":
		return nil, p.raft.AddNonvoter(id, address, o.PrevIndex, applyTimeout).Error()
	case "demote":
		return nil, p.raft.DemoteVoter(id, o.PrevIndex, applyTimeout).Error()
	case "remove":
		return nil, p.raft.RemoveServer(id, o.PrevIndex, applyTimeout).Error()
	case "commands":
		return p.fsm.behind(o.Behind), nil
	case "keys":
		return p.fsm.values(), nil
	case "counts":
		return p.transport.counts.read(), nil
	case "leave":
		return nil, p.gossip.Leave()
	case "ask":
		return p.transport.ask(id, address, o.Question)
	default:
		return nil, fmt.Errorf("unknown verb %q", o.Verb)
	}
}

// standing is where a server stands.
type standing struct {
	State  string
	Leader string
	Stats  map[string]string
}

func (p *peer) state() standing {
	return standing{p.raft.State().String(), leaderOf(p.raft), p.raft.Stats()}
}

// placed is a configuration with the index of its entry.
type placed struct {
	Index   uint64
	Servers []server
}

type server struct {
	ID       string
	Address  string
	Suffrage string
}

func (p *peer) configuration() (placed, error) {
	future := p.raft.GetConfiguration()
	if err := future.Error(); err != nil {
		return placed{}, err
	}
	found := placed{future.Index(), []server{}}
	for _, one := range future.Configuration().Servers {
		found.Servers = append(found.Servers, server{string(one.ID), string(one.Address), one.Suffrage.String()})
	}
	return found, nil
}

// applied is what became of a command: its index, or why it was refused.
type applied struct {
	Index uint64
	Error string
}

// apply proposes all commands before it waits for the first, so that they go out in batches.
func (p *peer) apply(commands [][]byte) []applied {
	futures := make([]raft.ApplyFuture, len(commands))
	for i, command := range commands {
		futures[i] = p.raft.Apply(command, applyTimeout)
	}
	outcomes := make([]applied, len(commands))
	for i, future := range futures {
		if err := future.Error(); err != nil {
			outcomes[i].Error = err.Error()
		} else {
			outcomes[i].Index = future.Index()
		}
	}
	return outcomes
}
