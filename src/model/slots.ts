/** Slots of a site that all instances share. A slot that is not renewed is free again after the lease's time. */
export interface SlotStore {
  /** False when all are taken. `holder` is one text a holder. */
  acquire(site: string, limit: number, holder: string): Promise<boolean>
  renew(site: string, holder: string): Promise<void>
  release(site: string, holder: string): Promise<void>
}
