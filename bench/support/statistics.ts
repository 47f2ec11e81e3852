import { percentile } from '../../replica-set-dev/demo/percentile.ts'

export interface Spread {
  readonly min: number
  readonly median: number
  readonly max: number
}

/** Of one or more values. */
export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((one, other) => one - other)
  const middle = (sorted.length - 1) / 2
  const at = (index: number): number => {
    const value = sorted[index]
    if (value === undefined) throw new Error('a spread of no values')
    return value
  }
  return { min: at(0), median: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2, max: at(sorted.length - 1) }
}

/** `share` of 0.99: the 99th percentile. */
export function quantile(values: readonly number[], share: number): number {
  const value = percentile(values, share)
  if (value === undefined) throw new Error('a percentile of no values')
  return value
}
