using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using KernOpt.Linux;
using KernOpt.Linux.Memory;
using KernOpt.Linux.Native;
using KernOpt.Target;
using KernOpt.Tests.Live.Linux;
using KernOpt.Validate;
using KernOpt.Validate.Sandboxing;
using Xunit;

namespace KernOpt.Tests.Live.Validate;

/// <summary>The sandbox does no harm: not to the target, not to the system, not after we are gone.</summary>
public sealed class SandboxSafetyTests(LoadedSubjects subjects) : IClassFixture<LoadedSubjects>
{
    private static readonly SandboxLayout Layout = new(0x1a5e_0000_0000);

    [Fact]
    public void The_sandbox_is_gone_when_the_validation_is_over()
    {
        var seen = new HashSet<int>();
        var request = subjects.Copy("stores");
        var outcome = VersionValidator.Validate(request with
        {
            Read = (from, into) =>
            {
                seen.UnionWith(Sandboxes());
                return LoadedSubjects.Read(from, into);
            },
        });
        Assert.True(outcome.IsDone, outcome.ToString());
        Assert.False(Directory.Exists($"/proc/{Assert.Single(seen)}"));
    }

    [Fact]
    public void The_sandbox_dies_with_the_thread_that_traces_it_even_without_a_word()
    {
        using var file = new MemoryFile();
        var id = 0;
        // The thread ends with the sandbox alive and stopped, as it does when we are killed.
        var tracer = new Thread(() => id = SandboxProcess.Start(Layout, file.Descriptor, 20).Value.Id);
        tracer.Start();
        tracer.Join();
        Assert.True(Ends(id), "the sandbox outlived its tracer");
    }

    [Fact]
    public void A_sandbox_that_was_never_seized_ends_with_its_starter_or_by_itself()
    {
        using var file = new MemoryFile();
        var id = 0;
        var starter = new Thread(() => id = ChildProcess.Start(SandboxProgram.Build(Layout.Program, 20), "kernopt-orphan", file.Descriptor, out _).Value);
        starter.Start();
        starter.Join();
        Assert.True(Ends(id), "the sandbox neither died with its starter nor ended by itself");
    }

    [Fact]
    public unsafe void A_sandbox_that_is_killed_from_outside_is_a_refusal()
    {
        var memory = NativeMemory.AllocZeroed(8192);
        var killed = 0;
        var outcome = VersionValidator.Examine(subjects.Copy("sums") with
        {
            Seeds = [new ArgumentTuple((ulong)memory, 16, 0, 0, 0, 0)],
            Read = (from, into) =>
            {
                // Whole pages are asked for while code runs and reads them: that is the moment.
                if (into.Length == 4096) Sandboxes().ForEach(s => killed += SystemCall.Kill(s, Signals.Kill) == 0 ? 1 : 0);
                return LoadedSubjects.Read(from, into);
            },
        });
        NativeMemory.Free(memory);
        Assert.NotEqual(0, killed);
        Assert.Equal(Reasons.SandboxUnavailable, outcome.Refusal.Reason);
    }

    [Fact]
    public void No_system_call_of_the_code_under_test_is_carried_out()
    {
        // syscall(kill, our own pid): it would end this process if it were.
        var request = subjects.Copy("makes_call", isAtStart: true) with { Seeds = [new ArgumentTuple(62, (ulong)Environment.ProcessId, 9, 0, 0, 0)] };
        Assert.True(VersionValidator.Validate(request).IsDone);
    }

    [Fact]
    public void The_live_target_is_only_read()
    {
        using var program = NativeProgram.Start("idle.c");
        var facts = program.ReadFacts();
        using var target = ProcessTarget.Attach(program.Pid).Value;
        var before = Fingerprint(target);
        var calls = File.ReadAllText($"/proc/{program.Pid}/syscall");
        var outcome = VersionValidator.Validate(CopyOf(target, new Address(facts["main"]), 64, subjects));
        Assert.True(outcome.IsDone || outcome.Refusal.Reason == Reasons.NotEnoughEvidence, outcome.ToString());
        Assert.Equal(before, Fingerprint(target));
        Assert.Equal(calls, File.ReadAllText($"/proc/{program.Pid}/syscall"));
        Assert.Contains("TracerPid:\t0", File.ReadAllText($"/proc/{program.Pid}/status"));
    }

    /// <summary>Enough of a request to run and write: the subject's code, run on the other process's memory.</summary>
    private static ValidationRequest CopyOf(ProcessTarget target, Address near, int bytes, LoadedSubjects subjects)
    {
        var map = target.ReadMap();
        var writable = map.Mappings.First(m => m.Protection.HasFlag(Protection.Write)).Range.Start;
        var request = subjects.Copy("stores");
        Assert.True(map.At(near) is not null && bytes > 0);
        return request with
        {
            Map = new TargetMap([.. map.Mappings.Concat(request.Map.Mappings.Where(m => !map.Mappings.Any(o => o.Range.Overlaps(m.Range)))).OrderBy(m => m.Range.Start)], []),
            Read = (from, into) => map.At(from) is null ? LoadedSubjects.Read(from, into) : target.Read(from, into),
            Seeds = [.. Enumerable.Range(0, 50).Select(i => new ArgumentTuple(writable.Value + (ulong)(i * 8), (ulong)i, 3, 4, 5, 6))],
        };
    }

    private static string Fingerprint(ProcessTarget target)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var mapping in target.ReadMap().Mappings)
        {
            hash.AppendData(System.Text.Encoding.ASCII.GetBytes(mapping.ToString()));
            var bytes = new byte[mapping.Range.Length];
            hash.AppendData(bytes, 0, Math.Max(0, target.Read(mapping.Range.Start, bytes)));
        }
        return Convert.ToHexString(hash.GetHashAndReset());
    }

    /// <summary>Sandboxes that the calling thread traces: other tests may have their own.</summary>
    private static List<int> Sandboxes() => [.. Directory.EnumerateDirectories("/proc").Select(Path.GetFileName).Where(n => int.TryParse(n, out _)).Select(n => int.Parse(n!))
        .Where(pid => ReadOrEmpty($"/proc/{pid}/comm") == SandboxProgram.Name + "\n" && ReadOrEmpty($"/proc/{pid}/status").Contains($"TracerPid:\t{SystemCall.ThreadId}\n"))];

    private static string ReadOrEmpty(string path)
    {
        try { return File.ReadAllText(path); }
        catch (IOException) { return ""; }
        catch (UnauthorizedAccessException) { return ""; }
    }

    /// <summary>
    /// Dead within thirty seconds. A starter that is gone before the sandbox could ask for its death signal leaves only the sandbox's own limit of ten.
    /// </summary>
    private static bool Ends(int pid)
    {
        var started = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(started) < TimeSpan.FromSeconds(30))
        {
            if (TracerThread.Poll(pid) is { } report && report.HasEnded) return true;
            SystemCall.Sleep(5_000_000);
        }
        return false;
    }

    private sealed class MemoryFile : IDisposable
    {
        public int Descriptor { get; } = SystemCall.CreateMemoryFile("kernopt-test", MapFlags.MemoryFileCloseOnExec);

        public void Dispose() => SystemCall.Close(Descriptor);
    }
}
