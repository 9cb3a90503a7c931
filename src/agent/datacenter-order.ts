/** What the coordinates of the WAN pool tell of datacenters. */

import { serverOfMember } from '../model/consul-tags.ts';
import type { DatacenterMap } from '../model/coordinate.ts';
import { type CoordinatesView, coordinateOf, type MembersView } from '../model/member.ts';
import { roundTripSeconds } from '../model/round-trip.ts';

/** Consul's name of the WAN pool among its network areas. */
const WAN_AREA = 'wan';

/**
 * Names of known datacenters, nearest first by the median round trip to their servers. Those of
 * which no coordinate is known come last; equals are ordered by name.
 */
export function datacenterOrder(
  own: string,
  known: readonly string[],
  wan: MembersView | undefined,
  coordinates: CoordinatesView | undefined,
): readonly string[] {
  const trips = roundTrips(own, wan, coordinates);
  const median = (name: string): number => {
    if (name === own) return 0;
    const sorted = [...(trips.get(name) ?? [])].sort((a, b) => (a === b ? 0 : a - b));
    return sorted[Math.floor(sorted.length / 2)] ?? Number.POSITIVE_INFINITY;
  };
  const ranked = [...new Set([own, ...known])].sort().map((name) => ({ name, rtt: median(name) }));
  return ranked.sort((a, b) => (a.rtt === b.rtt ? 0 : a.rtt - b.rtt)).map(({ name }) => name);
}

/** Seconds to each server of each other datacenter. */
function roundTrips(
  own: string,
  wan: MembersView | undefined,
  coordinates: CoordinatesView | undefined,
): ReadonlyMap<string, readonly number[]> {
  const trips = new Map<string, number[]>();
  for (const member of wan?.members.values() ?? []) {
    const server = serverOfMember(member);
    if (server === null || server.datacenter === own || member.status === 'left') continue;
    const there = coordinateOf(coordinates, member.name);
    const seconds =
      coordinates === undefined || there === null
        ? Number.POSITIVE_INFINITY
        : roundTripSeconds(coordinates.own, there);
    const sofar = trips.get(server.datacenter);
    if (sofar === undefined) trips.set(server.datacenter, [seconds]);
    else sofar.push(seconds);
  }
  return trips;
}

/** Servers with known coordinates by datacenter, both in the order of names. */
export function datacenterMaps(
  wan: MembersView | undefined,
  coordinates: CoordinatesView | undefined,
): readonly DatacenterMap[] {
  const servers = [...(wan?.members.values() ?? [])]
    .filter(({ status }) => status !== 'left')
    .flatMap((member) => serverOfMember(member) ?? [])
    .sort((a, b) => compare(a.datacenter, b.datacenter) || compare(a.name, b.name));
  const maps = new Map<string, DatacenterMap>();
  for (const { name, shortName, datacenter } of servers) {
    const Coord = coordinateOf(coordinates, name);
    const others = maps.get(datacenter)?.Coordinates ?? [];
    const own = Coord === null ? [] : [{ Node: shortName, Segment: '', Coord }];
    const Coordinates = [...others, ...own];
    maps.set(datacenter, { Datacenter: datacenter, AreaID: WAN_AREA, Coordinates });
  }
  return [...maps.values()];
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
