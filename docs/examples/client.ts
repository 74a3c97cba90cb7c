// A session of a frontend with the API, by a client whose types are made from the OpenAPI document (docs/frontend.md says how).
// A test generates the types, type-checks this file and runs it against the local stack. API is the address in front of /api/v1.

import createClient, { type Client } from "openapi-fetch";
import type { components, paths } from "./api.js";

type Schemas = components["schemas"];
type SignedIn = Schemas["SignedIn"];

// -- errors: decide by `code`, show `message`, put `fields` beside the inputs

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly fields: Record<string, string[]>,
    readonly requestId: string,
  ) {
    super(message);
  }
}

interface Result<Data> {
  data?: Data;
  error?: Schemas["Error"];
  response: Response;
}

/** The answer's body, or an ApiError. */
export function must<Data>({ data, error, response }: Result<Data>): Data {
  if (error !== undefined) {
    const { code, message, fields } = error.error;
    throw new ApiError(response.status, code, message, fields ?? {}, error.request_id);
  }
  return data as Data;
}

// -- session: the access token in memory, renewed when it has expired; waits when there were too many requests

export class Session {
  readonly api: Client<paths>;
  renewals = 0;
  private tokens: SignedIn | undefined;
  private renewing: Promise<void> | undefined;

  constructor(private readonly baseUrl: string) {
    this.api = createClient<paths>({ baseUrl, fetch: (request) => this.send(request) });
  }

  async login(email: string, password: string): Promise<Schemas["SignedInUser"]> {
    this.tokens = must(await this.api.POST("/api/v1/auth/login/", { body: { email, password } })).data;
    return this.tokens.user;
  }

  async logout(): Promise<void> {
    const refresh = this.tokens?.refresh;
    must(await this.api.POST("/api/v1/auth/logout/", { body: { refresh } }));
    this.tokens = undefined;
  }

  /** As if the access token had expired. */
  spoil(): void {
    if (this.tokens) this.tokens = { ...this.tokens, access: "expired" };
  }

  private async send(request: Request): Promise<Response> {
    const used = this.tokens?.access;
    let answer = await this.once(request.clone());
    if (answer.status === 401 && used !== undefined) {
      await answer.body?.cancel(); // an answer that nobody reads holds its connection
      if (this.tokens?.access === used) await this.renew(); // else another request has renewed it meanwhile
      answer = await this.once(request.clone());
    }
    for (let tries = 0; answer.status === 429 && tries < 3; tries++) {
      await answer.body?.cancel();
      await sleep(1000 * Number(answer.headers.get("Retry-After") ?? "1"));
      answer = await this.once(request.clone());
    }
    return answer;
  }

  private once(request: Request): Promise<Response> {
    if (this.tokens) request.headers.set("Authorization", `Bearer ${this.tokens.access}`);
    return fetch(request);
  }

  /** Requests that fail together renew once. When it fails the session has ended: sign in again. */
  private renew(): Promise<void> {
    this.renewing ??= this.renewed().finally(() => (this.renewing = undefined));
    return this.renewing;
  }

  private async renewed(): Promise<void> {
    const plain = createClient<paths>({ baseUrl: this.baseUrl });
    try {
      this.tokens = must(await plain.POST("/api/v1/auth/token/refresh/", { body: { refresh: this.tokens?.refresh ?? "" } })).data;
      this.renewals += 1;
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) this.tokens = undefined;
      throw error;
    }
  }
}

// -- lists: follow `next` until it is null; a page may be short or empty and still have one

export async function* allKeywords(api: Client<paths>, siteId: string, pageSize = 100): AsyncGenerator<Schemas["Keyword"]> {
  let cursor: string | undefined;
  do {
    const query = { site_id: siteId, ordering: "-volume", page_size: pageSize, cursor } as const;
    const page = must(await api.GET("/api/v1/planner/keywords/", { params: { query } }));
    yield* page.results;
    cursor = page.next ? (new URL(page.next).searchParams.get("cursor") ?? undefined) : undefined;
  } while (cursor !== undefined);
}

// -- asynchronous work: ask until it has ended

export async function finished(api: Client<paths>, taskId: string): Promise<Schemas["TaskProgress"]> {
  for (;;) {
    const { data: task } = must(await api.GET("/api/v1/system/settings/task_progress/{id}/", { params: { path: { id: taskId } } }));
    if (task.state === "failed") throw new Error(`${task.error?.code}: ${task.message}`);
    if (task.state === "succeeded") return task;
    await sleep(500);
  }
}

export async function ended(api: Client<paths>, runId: string): Promise<Schemas["Run"]> {
  for (;;) {
    const { data: run } = must(await api.GET("/api/v1/automation/runs/{id}/", { params: { path: { id: runId } } }));
    if (run.status === "completed" || run.status === "failed" || run.status === "cancelled") return run;
    await sleep(500);
  }
}

const sleep = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds));

// -- a file that is the request's body: its type is said by the header, and it is sent as it is

type RawBody = { headers: Record<string, string>; bodySerializer: (body: unknown) => BodyInit };
const raw = (type: string): RawBody => ({ headers: { "Content-Type": type }, bodySerializer: (body) => body as BodyInit });

const CSV = `Keyword,Volume,Difficulty
puppy crate training,5400,38
puppy crate training at night,1900,27
crate training schedule,880,24
how to crate train a puppy,2900,35
best crate for puppy training,1300,31
leash training for dogs,3600,33
how to leash train a dog,2400,36
leash training tips,720,22
`;

// -- the session

function check(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(`not as expected: ${what}`);
}

async function main(): Promise<void> {
  const session = new Session(process.env["API"] ?? "http://127.0.0.1:8000");
  const { api } = session;

  // a wrong password is an error with a code; no session, so nothing is renewed
  const refused = await session.login("owner@demo.test", "not this one").catch((error: unknown) => error);
  check(refused instanceof ApiError && refused.status === 401 && refused.code === "not_authenticated", "a wrong password");

  const user = await session.login("owner@demo.test", process.env["DEMO_PASSWORD"] ?? "Demo-pass-1!");
  check(user.role === "owner" && user.account.credits > 0, "the signed-in user");

  // two requests with an expired token: one renewal, both answered
  session.spoil();
  const [me, sites] = await Promise.all([api.GET("/api/v1/auth/me/"), api.GET("/api/v1/auth/sites/")]);
  check(must(me).data.account.id === user.account.id && session.renewals === 1, "one renewal");
  const site = must(sites).results[0];
  check(site !== undefined, "a site");
  const sector = must(await api.GET("/api/v1/auth/sectors/", { params: { query: { site_id: site.id } } })).results[0];
  check(sector !== undefined, "a sector");
  const place = { site_id: site.id, sector_id: sector.id };

  // create, safely repeated: the same key and body get the first answer
  const create = () =>
    api.POST("/api/v1/planner/keywords/", {
      params: { header: { "Idempotency-Key": "add-clicker-training" } },
      body: { ...place, keyword: "clicker training for puppies", volume: 1600, difficulty: 29 },
    });
  const keyword = must(await create()).data;
  const again = await create();
  check(must(again).data.id === keyword.id && again.response.headers.get("Idempotent-Replayed") === "true", "one keyword");

  // what is wrong with which field
  const invalid = await api.POST("/api/v1/planner/keywords/", { body: { ...place, keyword: "x", difficulty: 400 } });
  check(invalid.error?.error.code === "validation_error" && "difficulty" in (invalid.error.error.fields ?? {}), "a field's error");

  // change what you have read: the second writer with the old version is told
  const change = (volume: number) =>
    api.PATCH("/api/v1/planner/keywords/{id}/", {
      params: { path: { id: keyword.id }, header: { "If-Match": `"${keyword.version}"` } },
      body: { volume_override: volume },
    });
  const changed = await change(1700);
  check(must(changed).data.volume === 1700 && changed.response.headers.get("ETag") === `"${keyword.version + 1}"`, "a change");
  const stale = await change(1800);
  check(stale.response.status === 412 && stale.error?.error.code === "precondition_failed", "a stale change");

  // a keyword file: look first, then import it
  const preview = must(
    await api.POST("/api/v1/planner/keywords/import_keywords/", {
      params: { query: { ...place, dry_run: true } },
      body: CSV,
      ...raw("text/csv"),
    }),
  ).data;
  check("rows" in preview && preview.created === 8 && preview.rows[0]?.outcome === "created", "a dry run");

  // the way of large files: a signed address to PUT the file to, then a task
  const file = new Blob([CSV]);
  const upload = must(await api.POST("/api/v1/planner/keywords/uploads/", { body: { filename: "dogs.csv", size: file.size } })).data;
  const stored = await fetch(upload.url, { method: "PUT", body: file }); // no Authorization header: the address is signed
  check(stored.ok && (await stored.text()) === "", "the upload");
  const importing = must(
    await api.POST("/api/v1/planner/keywords/import_keywords/", { params: { query: place }, body: { upload_id: upload.upload_id } }),
  ).data;
  check("task_id" in importing, "a task");
  const imported = await finished(api, importing.task_id);
  check(imported.result?.["created"] === 8, "the import");

  // a list by cursor, in small pages
  const volumes: (number | null)[] = [];
  for await (const found of allKeywords(api, site.id, 3)) volumes.push(found.volume);
  check(volumes.length >= 9 && volumes.every((v, at) => at === 0 || (v ?? -1) <= (volumes[at - 1] ?? -1)), "the list in order");

  // AI work by hand, then the automation for the rest
  const clustering = must(await api.POST("/api/v1/planner/keywords/auto_cluster/", { body: place })).data;
  await finished(api, clustering.task_id);
  const estimate = must(await api.GET("/api/v1/automation/estimate/", { params: { query: { site_id: site.id } } })).data;
  check(estimate.total > 0 && estimate.balance >= estimate.required, "the estimate");
  const started = must(await api.POST("/api/v1/automation/run_now/", { body: { site_id: site.id } })).data;
  const run = await ended(api, started.id);
  check(run.status === "completed" && run.stages.length === 7 && run.waiting_for_review > 0, "the run");

  // read an article; its picture's `url` is signed, so that <img src> shows it without a header
  const listed = must(await api.GET("/api/v1/writer/content/", { params: { query: { site_id: site.id, status: "review" } } }));
  const first = listed.results[0];
  check(first !== undefined, "an article");
  const path = { id: first.id };
  const article = must(await api.GET("/api/v1/writer/content/{id}/", { params: { path } })).data;
  check(article.html.includes("<h2"), "the article's HTML");
  const pictures = must(await api.GET("/api/v1/writer/content/{id}/images/", { params: { path } })).data;
  check(pictures.featured?.url != null, "a picture");
  const picture = await fetch(pictures.featured.url);
  check(picture.ok && (picture.headers.get("Content-Type") ?? "").startsWith("image/"), "the picture's type");
  check((await picture.blob()).size > 1000, "the picture itself");

  // what the types refuse before a request is made
  // @ts-expect-error there is no such ordering
  void (() => api.GET("/api/v1/planner/keywords/", { params: { query: { ordering: "-colour" } } }));
  // @ts-expect-error difficulty is a number
  void (() => api.POST("/api/v1/planner/keywords/", { body: { ...place, keyword: "x", difficulty: "hard" } }));
  // @ts-expect-error a keyword has no such field
  void keyword.colour;

  await session.logout();
  check((await api.GET("/api/v1/auth/me/")).response.status === 401, "signed out");
  console.log(`ok: ${run.credits} credits, ${run.waiting_for_review} articles wait for review, one of them: ${article.title}`);
}

await main();
