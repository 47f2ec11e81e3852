import type { RootFacts } from '../../src/model/root-facts.ts'

/** What a root on this machine's disk never is: a share. */
export const ANOTHER_DISK: RootFacts = {
  mountPoint: '/mnt/share',
  type: 'nfs4',
  source: 'server:/share',
  device: '44',
  born: '0',
  inode: '2',
  blocks: '1',
  isEmpty: false,
}
