import { Throughput } from './throughput.js'

const MOST_ENDED = 100
/** Two reports nearer than this give no speed worth reading. */
const LEAST_MS = 200

/** Transfers under way, with the speed that their progress shows, and those that ended while the page was open. */
export class Running {
  all = new Map()
  ended = []
  throughput = new Throughput()

  /** Everything that is under way, after the page was connected: what is not in it has ended unseen. */
  reset(transfers, at = Date.now()) {
    this.all = new Map(transfers.map((each) => [each.id, { ...each, from: each.bytes, began: at, at, speed: 0 }]))
  }

  change(transfers, endedIds, at = Date.now()) {
    for (const transfer of transfers) {
      const before = this.all.get(transfer.id)
      const moved = transfer.bytes - (before?.bytes ?? 0)
      this.throughput.add(transfer.site, moved, at)
      const passed = before ? at - before.at : 0
      const isReading = passed >= LEAST_MS
      this.all.set(transfer.id, {
        ...transfer,
        from: before?.from ?? 0,
        began: before?.began ?? at,
        at: isReading || !before ? at : before.at,
        speed: isReading ? smooth(before.speed, (moved * 1_000) / passed) : (before?.speed ?? 0),
      })
    }
    for (const id of endedIds) {
      const transfer = this.all.get(id)
      if (!transfer) continue
      this.all.delete(id)
      this.ended.unshift({ ...transfer, end: at })
    }
    this.ended.length = Math.min(this.ended.length, MOST_ENDED)
  }

  /** Of one representation, or one of its files, at one site. */
  of({ project, id }, site, file) {
    return [...this.all.values()].filter(
      (each) => each.representation === id && each.project === project && each.site === site && (file === undefined || each.file === file),
    )
  }
}

const smooth = (before, now) => (before === 0 ? now : before * 0.6 + now * 0.4)
