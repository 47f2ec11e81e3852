/** What tells one disk from another that stands at the same path. Plain data, so that it can be stored. */
export interface RootFacts {
  /** Where the file system that holds the root is mounted; `/` is the system's own. */
  readonly mountPoint: string
  /** Such as `ext4`, `nfs4`, `cifs`; elsewhere than on Linux the number of the type. */
  readonly type: string
  /** What is mounted: a device, or `server:/export`. Empty where the system does not say. */
  readonly source: string
  /** Stays for local disks. Of network shares and the like it changes with each mount, or is given to another one afterwards. */
  readonly device: string
  /** When the folder was made, in nanoseconds since the epoch; 0 where the file system does not say. */
  readonly born: string
  readonly inode: string
  /** Size of the file system, in blocks. */
  readonly blocks: string
  /** Was there nothing in the root? */
  readonly isEmpty: boolean
}
