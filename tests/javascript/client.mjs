// AWS's JavaScript SDK as a client of LocalDrs: `node client.mjs SCENARIO [ARGUMENT…]` prints one JSON value.
// The environment variables of LocalDrs choose the endpoint, the region and the credentials.
import * as drs from "@aws-sdk/client-drs";
import { setTimeout as sleep } from "node:timers/promises";

const client = new drs.DrsClient({});

const collect = async (pages) => {
  const items = [];
  for await (const page of pages) items.push(...page.items);
  return items;
};

const listJobs = (pageSize) =>
  collect(drs.paginateDescribeJobs({ client, ...(pageSize && { pageSize: Number(pageSize) }) }, { filters: {} }));

const drill = async (...serverIds) => {
  const sourceServers = serverIds.map((sourceServerID) => ({ sourceServerID }));
  const { job } = await client.send(new drs.StartRecoveryCommand({ isDrill: true, sourceServers }));
  const filters = { jobIDs: [job.jobID] };
  const statuses = [job.status];
  for (;;) {
    const { items } = await client.send(new drs.DescribeJobsCommand({ filters }));
    if (items[0].status !== statuses.at(-1)) statuses.push(items[0].status);
    if (items[0].status === "COMPLETED") {
      const log = await collect(drs.paginateDescribeJobLogItems({ client, pageSize: 2 }, { jobID: job.jobID }));
      return { statuses, job: items[0], log };
    }
    await sleep(5);
  }
};

// The class of the error that a call raises, and its members.
const errorOf = async (command) => {
  try {
    await client.send(command);
  } catch (error) {
    const { name, message, fieldList, $metadata } = error;
    const isTyped = typeof drs[name] === "function" && error instanceof drs[name];
    return { name, message, fieldList, isTyped, status: $metadata.httpStatusCode, attempts: $metadata.attempts };
  }
  return null;
};

const startRecovery = (sourceServerID) => errorOf(new drs.StartRecoveryCommand({ sourceServers: [{ sourceServerID }] }));
const describeJobs = (maxResults) => errorOf(new drs.DescribeJobsCommand({ filters: {}, maxResults: Number(maxResults) }));

const scenarios = { listJobs, drill, startRecovery, describeJobs };
const [scenario, ...values] = process.argv.slice(2);
console.log(JSON.stringify(await scenarios[scenario](...values)));
