/** `/v1/agent/metrics` in JSON. */

import {
  type AggregateValue,
  type GaugeValue,
  INTERVAL_MS,
  type Labels,
  type MetricsView,
} from '../../telemetry/metrics.ts';
import { float, int, type JsonOutput, list, map, object, str, via } from './output.ts';

const MS_PER_SECOND = 1000;

const labelsJson: JsonOutput<Labels> = via((labels) => labels, map(str, '{}'));

const gaugesJson = list(
  via(
    ({ name, value, labels }: GaugeValue) => ({ Name: name, Value: value, Labels: labels }),
    object({ Name: str, Value: float, Labels: labelsJson }),
  ),
);

const aggregatesJson = list(
  via(
    ({ name, labels, aggregate }: AggregateValue) => ({
      Name: name,
      Count: aggregate.count,
      Rate: aggregate.sum / (INTERVAL_MS / MS_PER_SECOND),
      Sum: aggregate.sum,
      Min: aggregate.min,
      Max: aggregate.max,
      Mean: aggregate.mean,
      Stddev: aggregate.deviation,
      Labels: labels,
    }),
    object({
      Name: str,
      Count: int,
      Rate: float,
      Sum: float,
      Min: float,
      Max: float,
      Mean: float,
      Stddev: float,
      Labels: labelsJson,
    }),
  ),
);

export function metricsText({ startMs, gauges, counters, samples }: MetricsView): string {
  const [day, time] = new Date(startMs).toISOString().split(/[T.]/);
  const parts = [
    `"Timestamp":"${day} ${time} +0000 UTC"`,
    `"Gauges":${gaugesJson.text(gauges)}`,
    '"Points":[]',
    `"Counters":${aggregatesJson.text(counters)}`,
    `"Samples":${aggregatesJson.text(samples)}`,
  ];
  return `{${parts.join(',')}}`;
}
