/**
 * Tells where members are. Each ack of a ping moves a coordinate; readers want a picture now and
 * then, so one view stands for all that moved since the last.
 */

import type { Work } from './work.ts';

/** Between two views. */
export const COORDINATES_INTERVAL_MS = 1_000;

/** Whether anything has moved since the last view. */
function coordinatesMoved({ values, coordinates }: Work): boolean {
  const told = values.toldCoordinates;
  return told?.own !== values.vivaldi.coordinate || told.others !== coordinates.current;
}

/**
 * Publishes what has moved, unless the last view is too fresh; then one of the next events will. No
 * tick of its own: the next probe comes soon enough, and idle members cost as much as they wake up.
 */
export function tellCoordinates(work: Work): void {
  const { values, config, now } = work;
  if (now < values.coordinatesAtMs || !coordinatesMoved(work)) return;
  const view = {
    pool: config.pool,
    self: config.name,
    own: values.vivaldi.coordinate,
    others: work.coordinates.current,
  };
  values.toldCoordinates = view;
  values.coordinatesAtMs = now + COORDINATES_INTERVAL_MS;
  work.effects.coordinates = view;
}
