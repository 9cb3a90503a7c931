package main

import (
	"net"
	"os"

	"github.com/hashicorp/memberlist"
	"github.com/hashicorp/serf/serf"
)

const gossipPort = 8301

// joinPool appears in the LAN pool as Consul's servers do, so that a leader adds us by itself.
func joinPool(o options) (*serf.Serf, error) {
	_, port, err := net.SplitHostPort(o.Address)
	if err != nil {
		return nil, err
	}
	config := serf.DefaultConfig()
	config.NodeName = o.Name
	config.LogOutput = os.Stderr
	config.Tags = map[string]string{
		"role": "consul", "dc": o.Datacenter, "segment": "", "id": o.ID, "port": port,
		"vsn": "2", "vsn_min": "2", "vsn_max": "3", "raft_vsn": "3",
		"build": "1.9.1:", "acls": "0", "ft_fs": "1", "ft_si": "1",
	}
	if o.ReadReplica {
		config.Tags["nonvoter"], config.Tags["read_replica"] = "1", "1"
	}
	config.MemberlistConfig = memberlist.DefaultLANConfig()
	config.MemberlistConfig.LogOutput = os.Stderr
	config.MemberlistConfig.BindAddr = o.GossipHost
	config.MemberlistConfig.BindPort = gossipPort
	config.MemberlistConfig.AdvertiseAddr = o.GossipHost
	config.MemberlistConfig.AdvertisePort = gossipPort
	pool, err := serf.Create(config)
	if err != nil {
		return nil, err
	}
	if len(o.Join) > 0 {
		_, err = pool.Join(o.Join, true)
	}
	return pool, err
}
