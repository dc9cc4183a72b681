using System.Diagnostics;

namespace KernOpt.Bench.Scale;

/// <summary>The programs and libraries of the figure.</summary>
internal static class ScalePrograms
{
    private static readonly TalkingProgram Bash = new("bash", ["--norc", "--noprofile", FileOf("work.bash", BashScript)], Line);
    // Not -I, with which it heeds no PYTHONHASHSEED.
    private static readonly TalkingProgram Python = new("/usr/bin/python3.11", ["-P", "-s", "-B", FileOf("work.py", PythonScript)], Line);
    // Line by line, or its answers would stay in its buffer.
    private static readonly TalkingProgram Sqlite = new("stdbuf", ["-oL", "sqlite3", "-batch", ":memory:"], Sql);
    private static readonly Lazy<TalkingProgram> Library = new(() => new TalkingProgram(CompileLibrary(), [], Line));

    public static IReadOnlyList<ScaleProgram> All { get; } =
    [
        new("bash", ["bash"], () => Twins(Bash), () => Bash),
        new("sqlite3", ["libsqlite3.so*", "sqlite3"], () => Twins(Sqlite), () => Sqlite),
        new("python3", ["python3.11"], () => Twins(Python), () => Python),
        new("libstdc++", ["libstdc++.so*"], () => Twins(Library.Value), () => Library.Value),
        new("libc", ["libc.so.6"], () => Twins(Bash), () => Bash),
        new("redis-server", ["redis-server", "redis-check-rdb"], RedisTwinLoad.StartAsync),
        new("nginx", ["nginx"], NginxCheckedLoad.StartAsync),
        new("postgres", ["postgres"], PostgresTwinLoad.StartAsync),
    ];

    private static string Line(int n) => $"{n}\n";

    private static Task<ICheckedLoad> Twins(TalkingProgram program) => Task.FromResult<ICheckedLoad>(new TwinLoad(program));

    private static string FileOf(string name, string text)
    {
        var path = Path.Combine(Scratch.Folder, name);
        File.WriteAllText(path, text);
        return path;
    }

    private static string CompileLibrary()
    {
        var program = Path.Combine(Scratch.Folder, "library");
        using var compiler = Process.Start("g++", ["-O2", Path.Combine(Repository.Root, "tests/Targets/library.cc"), "-o", program]);
        compiler.WaitForExit();
        return compiler.ExitCode == 0 ? program : throw new InvalidOperationException("g++ could not compile library.cc");
    }

    /// <summary>The first request forks nothing, and is short: it is stepped through.</summary>
    private const string BashScript = """
        shopt -s extglob nullglob
        declare -A seen
        triangle() { local -i n=$1 s=0; while ((n > 0)); do ((s += n--)); done; printf -v result '%d' $s; }
        while read -r n; do
          words=(alpha beta gamma delta "two words" 'star*' "$n")
          for ((i = 0; i < (n > 1 ? 12 : 5) + n % 5; i++)); do
            w=${words[i % ${#words[@]}]}
            seen[$w]=$(( ${seen[$w]:-0} + i * n ))
            case $w in a*|b*) w=${w^^} ;; *' '*) w=${w// /_} ;; *[0-9]*) w=${w#?}x ;; *) w=${w:1:3}${#w} ;; esac
            ((i == n)) && [[ $w =~ ^([A-Z]+)|([a-z_]+)$ ]] && w+="<${BASH_REMATCH[0]}>"
            printf '%-12s|%5d|%x ' "$w" $((i ** 3 - n)) $((n * 2654435761 & 0xffff))
          done
          triangle $((10 + n % 7)); echo "$result ${seen[alpha]} ${!words[*]} ${words[@]: -2}"
          IFS=: read -r a b c <<< "x:$n:y z"; echo "$a-$b-$c" "${c@Q}" $'\t' ${n:+set} ~ {a..e}{1..2}
          if ((n > 1)); then echo "$(for k in 3 1 2; do echo $k$n; done | sort | tr '\n' ,)" "$(triangle 5; echo $result)"; fi
          eval "f$n() { echo \"in f$n: \$*\"; }"; f$n one two; unset -f f$n
          trap 'echo trapped' USR1; kill -USR1 $$; echo /etc/@(host|pass)* "${words[@]/#@(al|be)/-}"
          echo end
        done
        """;

    /// <summary>From the second request on, one of Python's own tests each time, where they are installed.</summary>
    private const string PythonScript = """
        import collections, functools, io, json, re, struct, sys, unittest, zlib
        def work(n):
            words = ['w%d' % (i * n % 97) for i in range(60 if n > 1 else 7)]
            count = collections.Counter(words)
            text = json.dumps({'n': n, 'words': words[:9], 'f': [i / 7 for i in range(9)], 'u': '\u00e9\u4e2d', 'none': None})
            back = json.loads(text)
            found = re.findall(r'(w\d)(\d?)', ' '.join(words))
            @functools.lru_cache(None)
            def fib(i): return i if i < 2 else fib(i - 1) + fib(i - 2)
            class P:
                def __init__(self, x): self.x = x
                def __lt__(self, o): return self.x < o.x
                def __repr__(self): return f'P({self.x:>4})'
            try:
                [][n]
            except IndexError as e:
                text += str(e)
            packed = struct.pack('<IhB', n, -n % 100, 7)
            gen = sorted(P(zlib.crc32(w.encode()) % 1000) for w in words)[:5]
            print(count.most_common(3), len(text), back['f'][3], len(found), fib(40 + n % 9), gen, packed.hex(), pow(3, n + 200, 10 ** 9 + 7), f'{n / 3:.6e}', 'é'.encode('utf-16').hex())
        names = 'dict list set re json.test_decode json.test_encode_basestring_ascii struct bisect heapq string textwrap tuple bytes int float complex slice range enumerate itertools functools collections'.split()
        for line in sys.stdin:
            n = int(line)
            work(n)
            if n > 1:
                name = 'test.test_' + names[n % len(names)]
                try:
                    suite = unittest.defaultTestLoader.loadTestsFromName(name)
                    result = unittest.TextTestRunner(stream=io.StringIO()).run(suite)
                    print(name, result.testsRun, len(result.failures), len(result.errors), len(result.skipped))
                except Exception as e:
                    print(name, type(e).__name__)
            print('end', flush=True)
        """;

    private static string Sql(int n) => $"""
        create table t(a integer primary key, b text, c real); create index i on t(b, c);
        with recursive k(x) as (select 1 union all select x + 1 from k where x < {40 + n % 20}) insert into t select x, 'n' || (x * {n} % 13), x * {n} / 7.0 from k;
        select b, count(*), round(sum(c), 3), group_concat(a) from t group by b having count(*) > 1 order by 2 desc, b limit 5;
        select a, sum(c) over (partition by b order by a rows between 1 preceding and current row), rank() over (order by b) from t order by a limit 6;
        update t set c = c + 1, b = upper(b) where a % 3 = {n % 3}; delete from t where b like 'N1%' and a > 10;
        select t.a, u.b from t join t as u on u.a = t.a + 2 and u.b <> t.b left join t as v on v.a = u.a * 2 where t.c between 1 and 50 order by u.b desc, t.a limit 7;
        select json_extract('[1,[2,{n}]]', '$[1][1]'), printf('%08.3f|%s|%x', {n} / 3.0, quote('it''s'), {n} * 977), hex(zeroblob(3)), substr('abcdef', -3, 2), instr('abc', 'c'), strftime('%Y-%j', '2020-02-29');
        begin; insert into t select a + 1000, b, c from t; savepoint s; delete from t where a > 1010; rollback to s; select count(*), max(a), min(c) from t where b in (select b from t where a < 5); commit;
        create view w as select b, avg(c) as m from t group by b; select * from w where m > (select avg(m) from w) order by b limit 3; drop view w;
        select a from t where a = 'x' union select {n} except select 5 order by 1; pragma integrity_check; drop table t; select no_such({n});
        select 'end';

        """;
}
