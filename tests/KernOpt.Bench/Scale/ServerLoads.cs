using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace KernOpt.Bench.Scale;

/// <summary>Two redis-servers get the same commands, chosen so that their answers do not depend on the order of a hash table; one of them has the counters.</summary>
internal sealed class RedisTwinLoad(RedisServer probed, RedisServer other) : ICheckedLoad
{
    private const int Batch = 200;

    private readonly Random random = new(5);
    private readonly NetworkStream[] streams = [Open(probed.Port), Open(other.Port)];

    public static async Task<ICheckedLoad> StartAsync() => new RedisTwinLoad(await RedisServer.StartAsync(), await RedisServer.StartAsync());

    public int Pid => probed.Pid;
    public bool IsAlive => probed.IsAlive;

    public async Task<(long Answers, IReadOnlyList<string> Wrong)> RunAsync(TimeSpan time)
    {
        var wrong = new List<string>();
        var answers = 0L;
        for (var clock = Stopwatch.StartNew(); answers == 0 || clock.Elapsed < time; answers += Batch)
        {
            var commands = Enumerable.Range(0, Batch).Select(_ => Command()).ToList();
            var bytes = Encoding.ASCII.GetBytes(string.Concat(commands.Select(c => $"{c}\r\n")));
            try
            {
                foreach (var stream in streams) await stream.WriteAsync(bytes);
                foreach (var command in commands)
                {
                    var (got, expected) = (await ReplyAsync(streams[0]), await ReplyAsync(streams[1]));
                    if (got != expected) wrong.Add($"{command}: '{got}' instead of '{expected}'");
                }
            }
            catch (IOException e)
            {
                wrong.Add(e.Message);
                return (answers, wrong);
            }
        }
        return (answers, wrong);
    }

    public ValueTask DisposeAsync()
    {
        foreach (var stream in streams) stream.Dispose();
        probed.Dispose();
        other.Dispose();
        return ValueTask.CompletedTask;
    }

    private string Command()
    {
        int k = random.Next(50), v = random.Next(1000);
        return random.Next(30) switch
        {
            0 => $"SET s{k} value{v}", 1 => $"GET s{k}", 2 => $"INCRBY n{k} {v}", 3 => $"APPEND s{k} {v}", 4 => $"GETRANGE s{k} 2 {v % 9}", 5 => $"LPUSH l{k} a{v} b{v}", 6 => $"RPOP l{k}",
            7 => $"LRANGE l{k} 0 {v % 20}", 8 => $"SADD t{k} m{v} m{v + 1}", 9 => $"SCARD t{k}", 10 => $"SORT t{k} ALPHA LIMIT 0 9", 11 => $"ZADD z{k} {v}.5 m{v % 77}", 12 => $"ZRANGE z{k} 0 12 WITHSCORES",
            13 => $"ZRANGEBYSCORE z{k} 100 ({v}", 14 => $"HSET h{k} f{v % 30} {v}", 15 => $"HGET h{k} f{v % 30}", 16 => $"HLEN h{k}", 17 => $"SETBIT b{k} {v} 1", 18 => $"BITCOUNT b{k}", 19 => $"PFADD p{k} {v}",
            20 => $"PFCOUNT p{k}", 21 => $"DEL s{k} l{(k + 1) % 50} z{(k + 2) % 50}", 22 => $"TYPE {"slzthn"[v % 6]}{k}", 23 => $"GEOADD g{k} {v % 180}.25 {v % 80}.5 c{v}", 24 => $"GEODIST g{k} c1 c{v}",
            25 => $"XADD x{k} {v + 1}-{k} f {v}", 26 => $"XLEN x{k}", 27 => $"EVAL \"return redis.call('get',KEYS[1])\" 1 s{k}", 28 => $"SINTERSTORE t{(k + 1) % 50} t{k} t{(k + 7) % 50}", _ => $"NOSUCH {v}",
        };
    }

    private static NetworkStream Open(int port) => new TcpClient("127.0.0.1", port) { NoDelay = true }.GetStream();

    /// <summary>One answer as text: its kind, and what it holds.</summary>
    private static async Task<string> ReplyAsync(NetworkStream stream)
    {
        var line = await LineAsync(stream);
        if (line[0] is '*' && int.Parse(line.AsSpan(1), CultureInfo.InvariantCulture) is var count)
        {
            var parts = new List<string>();
            for (var i = 0; i < count; i++) parts.Add(await ReplyAsync(stream));
            return $"[{string.Join(' ', parts)}]";
        }
        if (line[0] != '$' || line == "$-1") return line;
        var bytes = new byte[int.Parse(line.AsSpan(1), CultureInfo.InvariantCulture) + 2];
        await stream.ReadExactlyAsync(bytes);
        return Encoding.ASCII.GetString(bytes.AsSpan(0, bytes.Length - 2));
    }

    private static async Task<string> LineAsync(NetworkStream stream)
    {
        var (text, one) = (new StringBuilder(), new byte[1]);
        while (text.Length < 2 || text[^1] != '\n')
        {
            await stream.ReadExactlyAsync(one);
            text.Append((char)one[0]);
        }
        return text.ToString(0, text.Length - 2);
    }
}

/// <summary>nginx as a server of files, whole and in parts, packed and plain, some of them not there; bodies are held against the files.</summary>
internal sealed class NginxCheckedLoad(RunningTarget server, string folder, int port) : ICheckedLoad
{
    private static readonly int[] Sizes = [0, 1, 100, 3000, 70_000, 1_500_000];

    // One that unpacks asks for packed answers each time, of which nginx gives no parts.
    private readonly HttpClient plain = new(new SocketsHttpHandler { MaxConnectionsPerServer = 8 });
    private readonly HttpClient packed = new(new SocketsHttpHandler { AutomaticDecompression = DecompressionMethods.GZip, MaxConnectionsPerServer = 8 });
    private readonly Random random = new(7);

    public static async Task<ICheckedLoad> StartAsync()
    {
        var port = 20_000 + Environment.ProcessId % 20_000;
        var folder = Directory.CreateDirectory(Path.Combine(Scratch.Folder, "nginx-files")).FullName;
        var random = new Random(3);
        foreach (var size in Sizes) await File.WriteAllTextAsync(Path.Combine(folder, $"{size}.txt"), string.Concat(Enumerable.Range(0, size).Select(_ => (char)('a' + random.Next(26)))));
        await File.WriteAllTextAsync(Path.Combine(folder, "nginx.conf"), $$"""
            daemon off; master_process off; pid {{folder}}/pid; error_log {{folder}}/error.log; user root;
            events { worker_connections 256; }
            http { access_log {{folder}}/access.log; gzip on; gzip_min_length 200; gzip_types text/plain; types { text/plain txt; }
              server { listen 127.0.0.1:{{port}}; root {{folder}}; location /moved { rewrite ^/moved/(.*)$ /$1 last; } location ~ ^/n/([0-9]+)$ { return 200 "n=$1 $request_method $arg_q"; } } }
            """);
        var server = new RunningTarget("nginx", "-c", Path.Combine(folder, "nginx.conf"), "-p", folder);
        await Task.Delay(1500);
        return new NginxCheckedLoad(server, folder, port);
    }

    public int Pid => server.Pid;
    public bool IsAlive => server.IsAlive;

    public async Task<(long Answers, IReadOnlyList<string> Wrong)> RunAsync(TimeSpan time)
    {
        var wrong = new List<string>();
        var answers = 0L;
        for (var clock = Stopwatch.StartNew(); answers == 0 || clock.Elapsed < time; answers += 8)
        {
            try
            {
                var results = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => OneAsync(random.Next(7), Sizes[random.Next(Sizes.Length)], random.Next(1000))));
                wrong.AddRange(results.OfType<string>());
            }
            catch (HttpRequestException e)
            {
                wrong.Add(e.Message);
                if (!IsAlive) return (answers, wrong);
            }
        }
        return (answers, wrong);
    }

    public ValueTask DisposeAsync()
    {
        plain.Dispose();
        packed.Dispose();
        server.Dispose();
        return ValueTask.CompletedTask;
    }

    /// <summary>Null when the answer is right.</summary>
    private async Task<string?> OneAsync(int kind, int size, int number)
    {
        var path = kind switch { 0 => $"/n/{number}?q={size}", 1 => $"/none{number}", 2 => $"/moved/{size}.txt", _ => $"/{size}.txt" };
        using var request = new HttpRequestMessage(HttpMethod.Get, $"http://127.0.0.1:{port}{path}");
        var file = await File.ReadAllTextAsync(Path.Combine(folder, $"{size}.txt"));
        var expected = kind switch { 0 => $"n={number} GET {size}", 1 => null, _ => file };
        if (kind == 4 && size > 50)
        {
            request.Headers.Range = new System.Net.Http.Headers.RangeHeaderValue(10, 39);
            expected = file[10..40];
        }
        using var answer = await (kind == 3 ? packed : plain).SendAsync(request);
        if (expected is null) return answer.StatusCode == HttpStatusCode.NotFound ? null : $"{path}: {answer.StatusCode}";
        var body = await answer.Content.ReadAsStringAsync();
        return body == expected ? null : $"{path}: {answer.StatusCode}, {body.Length} bytes instead of {expected.Length}, or others";
    }
}

/// <summary>Two sessions of one postgres get the same queries; the backend of one of them has the counters.</summary>
internal sealed class PostgresTwinLoad : ICheckedLoad
{
    private const string Programs = "/usr/lib/postgresql/15/bin";

    private readonly RunningTarget server;
    private readonly Talker[] sessions;
    private int rounds;

    private PostgresTwinLoad(RunningTarget server, Talker[] sessions, int backend)
    {
        (this.server, this.sessions) = (server, sessions);
        Pid = backend;
    }

    public static async Task<ICheckedLoad> StartAsync()
    {
        var folder = Directory.CreateTempSubdirectory("kernopt-postgres-").FullName;
        await Tool.RunAsync("chown", "postgres", folder);
        await Tool.RunAsync("runuser", "-u", "postgres", "--", $"{Programs}/initdb", "-D", $"{folder}/data", "-A", "trust");
        var server = new RunningTarget("runuser", "-u", "postgres", "--", $"{Programs}/postgres", "-D", $"{folder}/data", "-k", folder, "-c", "listen_addresses=", "-c", "fsync=off", "-c", "autovacuum=off");
        await server.WaitForLineAsync(l => l.Contains("ready to accept connections", StringComparison.Ordinal), TimeSpan.FromSeconds(60));
        var sessions = Enumerable.Range(0, 2).Select(_ => Talker.Start("stdbuf", ["-oL", "psql", "-h", folder, "-U", "postgres", "-XAtq", "postgres"])).ToArray();
        var backend = int.Parse(await sessions[0].AskAsync("select pg_backend_pid();\n\\echo end\n"), CultureInfo.InvariantCulture);
        return new PostgresTwinLoad(server, sessions, backend);
    }

    public int Pid { get; }
    public bool IsAlive => server.IsAlive && sessions[0].IsAlive && Directory.Exists($"/proc/{Pid}");

    public async Task<(long Answers, IReadOnlyList<string> Wrong)> RunAsync(TimeSpan time)
    {
        var wrong = new List<string>();
        var answers = 0L;
        for (var clock = Stopwatch.StartNew(); answers == 0 || clock.Elapsed < time; answers++)
        {
            var text = Sql(++rounds);
            try
            {
                var (got, expected) = (await sessions[0].AskAsync(text), await sessions[1].AskAsync(text));
                if (got != expected) wrong.Add($"request {rounds}: '{got}' instead of '{expected}'");
            }
            catch (IOException e)
            {
                wrong.Add(e.Message);
                return (answers, wrong);
            }
        }
        return (answers, wrong);
    }

    public ValueTask DisposeAsync()
    {
        foreach (var session in sessions) session.Dispose();
        server.Dispose();
        return ValueTask.CompletedTask;
    }

    private static string Sql(int n) => $"""
        create temp table t(a int primary key, b text, c numeric(12,3), d date, e jsonb);
        insert into t select x, 'n' || (x * {n} % 13), x * {n} / 7.0, date '2020-01-01' + x, jsonb_build_object('x', x, 'k', array[x, {n}]) from generate_series(1, {200 + n % 50}) x;
        create index on t(b, c); analyze t;
        select b, count(*), sum(c), string_agg(a::text, ',' order by a desc) from t group by b having count(*) > 1 order by 2 desc, b limit 4;
        select a, sum(c) over w, rank() over (order by b, a), lag(d) over w from t window w as (partition by b order by a rows between 1 preceding and current row) order by a limit 6;
        update t set c = c + 1, b = upper(b) where a % 3 = {n % 3}; delete from t where b like 'N1%' and a > 100;
        with recursive k(x, y) as (select 1, 1::numeric union all select x + 1, y * (x + 1) from k where x < 25) select max(y), count(*) from k;
        select t.a, u.b from t join t as u on u.a = t.a + 2 and u.b <> t.b left join t as v on v.a = u.a * 2 where t.c between 1 and 500 order by u.b desc, t.a limit 7;
        select e->'k'->>1, e @> '{Containing(n)}', md5(b), to_char(d, 'YYYY-DDD Dy'), regexp_replace(b, '([0-9])', '<\1>'), round(sqrt(c), 5) from t where a < 4 order by a;
        begin; insert into t select a + 1000, b, c, d, e from t; savepoint s; delete from t where a > 1010; rollback to s; select count(*), max(a), min(c), sum(hashtext(b)::bigint) from t; rollback;
        do $$ declare i int; s bigint := 0; begin for i in 1..200 loop s := s + i * {n}; end loop; raise notice '%', s; perform 1 / (i - i); exception when others then null; end $$;
        select * from generate_series(1, 3) g, lateral (select g * {n} as m union all select g) q order by 1, 2; select 1 / 0; drop table t;
        \echo end

        """;

    private static string Containing(int n) => $"{{\"x\": {n % 3}}}";
}
