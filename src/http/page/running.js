/** Two reports nearer than this give no speed worth reading. */
const LEAST_MS = 200

/** Transfers under way, with the speed that their progress shows. */
export class Running {
  all = new Map()

  /** Everything that is under way, after the page was connected. */
  reset(transfers, at = Date.now()) {
    this.all = new Map(transfers.map((each) => [each.id, { ...each, at, from: each.bytes, speed: 0 }]))
  }

  change(transfers, endedIds, at = Date.now()) {
    for (const transfer of transfers) {
      const before = this.all.get(transfer.id)
      const passed = before ? at - before.at : 0
      const isReading = passed >= LEAST_MS
      const speed = isReading ? smooth(before.speed, ((transfer.bytes - before.from) * 1_000) / passed) : (before?.speed ?? 0)
      const isMeasured = isReading || !before
      const reading = isMeasured ? { at, from: transfer.bytes } : { at: before.at, from: before.from }
      this.all.set(transfer.id, { ...transfer, ...reading, speed: Math.max(0, speed) })
    }
    for (const id of endedIds) this.all.delete(id)
  }

  /** Of one representation, or one of its files, at one site. */
  of({ project, id }, site, file) {
    return [...this.all.values()].filter(
      (each) => each.representation === id && each.project === project && each.site === site && (file === undefined || each.file === file),
    )
  }
}

const smooth = (before, now) => (before === 0 ? now : before * 0.6 + now * 0.4)
