import { startReplicaSet } from '../../replica-set-dev/start-replica-set.ts'

// Owns a replica set until it is killed; tells what it owns in one line.
const set = await startReplicaSet()
console.log(JSON.stringify({ dir: set.dir, members: set.members.map(({ pid, dbPath }) => ({ pid, dbPath })) }))
process.stdin.resume()
