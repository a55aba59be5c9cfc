/** The lane that drains a subscription: its id is random hexadecimal digits. */
export function laneOf(subscription: string, lanes: number): number {
  return Number.parseInt(subscription.slice(0, 8), 16) % lanes;
}

/** The instance that drains a lane. Another number of lanes gives other instances: the old ones end by themselves. */
export function laneInstance({ lane, lanes }: LaneTask): string {
  return `deliver-${lanes}-${lane}`;
}

export interface LaneTask {
  readonly lane: number;
  readonly lanes: number;
}
