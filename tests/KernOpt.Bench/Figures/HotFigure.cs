using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using KernOpt.Code.Graphs;
using KernOpt.Code.Images;
using KernOpt.Engine.Journaling;
using KernOpt.Engine.Probing;
using KernOpt.Engine.Profiling;
using KernOpt.Engine.Sessions;
using KernOpt.Linux;
using KernOpt.Live.Points;
using KernOpt.Probes;
using KernOpt.Probes.Actions;
using KernOpt.Target;
using Microsoft.Win32.SafeHandles;

namespace KernOpt.Bench.Figures;

/// <summary>
/// A counter put into a 23-byte function as `kernopt probe --do count` puts it, and taken out, while two threads do nothing but call it, in fresh processes: each must live, give right results, have
/// its own text back, and have counted exactly. Arguments: [processes].
/// </summary>
internal static partial class HotFigure
{
    private const int FunctionBytes = 23, Threads = 2, InAndOut = 5;
    private const ulong ExactCalls = 20_000;

    /// <summary>What a control may take to show what it must show.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    public static async Task<int> RunAsync(string[] arguments)
    {
        var processes = arguments.Length > 0 ? int.Parse(arguments[0], CultureInfo.InvariantCulture) : 1000;
        var program = Scratch.Compile("hotcalls", "-O2");
        if (!await ControlAsync(program)) return 1;
        int alive = 0, right = 0, restored = 0, exact = 0, changes = 0;
        ulong counted = 0;
        for (var i = 1; i <= processes; i++)
        {
            var seen = await OneAsync(program, miscounts: 0);
            alive += seen.IsAlive ? 1 : 0;
            right += seen.IsRight ? 1 : 0;
            restored += seen.IsRestored ? 1 : 0;
            exact += seen.IsExact ? 1 : 0;
            counted += seen.Counted;
            changes += seen.Changes;
            if (!seen.IsFine) Console.WriteLine($"process {i}: {seen}");
            if (i % 100 == 0) Console.WriteLine($"{i} processes: {alive} alive, {right} right, {restored} restored, {exact} exact");
        }
        Console.WriteLine($"{processes} processes with {Threads} threads in a function of {FunctionBytes} bytes: {changes} times a counter went in and out, {counted:n0} passages counted; "
            + $"{processes - alive} died, {processes - right} with wrong results, {processes - restored} with other text than before, {processes - exact} with a count that is not exact");
        return alive == processes && right == processes && restored == processes && exact == processes ? 0 : 1;
    }

    /// <summary>What became of one process. Counted: passages; Why: what was not exact, or ended it.</summary>
    private sealed record Seen(bool IsAlive, bool IsRight, bool IsRestored, bool IsExact, ulong Counted, int Changes, string Why)
    {
        public bool IsFine => IsAlive && IsRight && IsRestored && IsExact;
    }

    /// <summary>What the judgements must catch: a passage too many, a passage lost, and a jump that is stored in two parts.</summary>
    private static async Task<bool> ControlAsync(string program)
    {
        var (more, less) = (await OneAsync(program, miscounts: 1), await OneAsync(program, miscounts: -1));
        var torn = await TornAsync(program);
        Console.WriteLine($"control: one passage more is {(more.IsExact ? "NOT " : "")}seen, one less is {(less.IsExact ? "NOT " : "")}seen; stored in two parts, {torn}");
        return !more.IsExact && !less.IsExact && torn.StartsWith("it died", StringComparison.Ordinal);
    }

    private static async Task<Seen> OneAsync(string program, int miscounts)
    {
        using var target = new HotCalls(program);
        await target.AskAsync("free");
        if (!ProcessTarget.Attach(target.Pid).Try(out var process, out var why)) return new Seen(target.IsAlive, false, false, false, 0, 0, $"{why}");
        using (process)
        using (var journal = Journal.InMemory().Value)
        using (var session = Session.Open(process, journal).Value)
        {
            session.Change();
            var graph = session.ParseNamed("hot").Value;
            if (graph.Function.Size != FunctionBytes) throw new InvalidOperationException($"the compiler made {graph.Function.Size} bytes of it, not {FunctionBytes}");
            var seen = new Seen(true, true, true, true, 0, 0, "");
            try
            {
                // At every instruction in turn, so that all rungs that there are have their turn.
                var instructions = graph.Entry.Instructions.Length;
                for (var change = 0; change < InAndOut; change++) seen = await WhileItRunsAsync(target, session, graph, Random.Shared.Next(instructions), miscounts, seen);
            }
            catch (IOException e)
            {
                return seen with { IsAlive = false, Why = $"{seen.Why} {e.Message}" };
            }
            var isRestored = TargetText.Differences(target.Pid).Count == 0;
            // On a busy machine a thread may not be seen outside in time.
            for (var again = 0; TargetText.HasRegion(target.Pid) && again < 100; again++) session.Live.Collect(unmapsEmpty: true);
            isRestored &= !TargetText.HasRegion(target.Pid);
            return seen with { IsAlive = target.IsAlive, IsRestored = seen.IsRestored && isRestored, Why = isRestored ? seen.Why : $"{seen.Why}; its text or its memory is not as before" };
        }
    }

    /// <summary>In while both threads are in the function, exact between two rests, out while they are in it again.</summary>
    private static async Task<Seen> WhileItRunsAsync(HotCalls target, Session session, FunctionGraph graph, int instruction, int miscounts, Seen seen)
    {
        var plan = session.Live.Ladder().Plan(graph, [new Point(graph.Entry, instruction)], new HashSet<Address>(), isPlaceFree: true);
        if (plan.Placements.Count == 0) throw new InvalidOperationException($"{plan.Unplaced[0].Why}");
        var program = CountChoice.For(session, ProbeProgram.Of(null, new CountAction()).Value, [plan]);
        if (program.Action is not PerThreadCountAction) throw new InvalidOperationException($"it would be counted by {program.Action}");
        var counts = new PassageCounts(session.Target, program);
        var refusals = new RefusalCount();
        var before = (await target.AskAsync("calls")).Calls;
        using var probes = new PlacedProbes(session, program, "count", refusals, new Progress<string>());
        probes.Install([plan], CancellationToken.None);
        if (probes.Points.Count == 0) return seen with { IsExact = false, Why = $"{seen.Why} not placed: {string.Join(", ", refusals.Rows().Select(r => r.Reason))}" };
        var after = (await target.AskAsync("calls")).Calls;
        // While both count: what they count together before and by themselves behind must come to the same.
        counts.GiveSlots(probes.Points);
        var rest = (await target.AskAsync("more 0")).Calls;
        var atRest = counts.At(probes.Points[0]);
        var working = target.AskAsync($"more {ExactCalls}");
        do counts.GiveSlots(probes.Points);
        while (!working.IsCompleted);
        var end = await working;
        var atEnd = (ulong)((long)counts.At(probes.Points[0]) + miscounts);
        await target.AskAsync("free");
        await target.AskAsync("calls");
        // Its code may have to wait until a thread is seen outside; its text may not.
        var left = await probes.RemoveAsync(CancellationToken.None);
        var problems = TargetText.Differences(target.Pid).Count == 0 ? [] : left;
        // While it runs: one passage of each thread is under way when it is put in, and counted or not.
        var isBetween = atRest + Threads >= rest - after && atRest <= rest - before;
        var isExact = atEnd - atRest == Threads * ExactCalls && end.Calls - rest == Threads * ExactCalls;
        return seen with
        {
            IsRight = seen.IsRight && end.Wrong == 0,
            IsExact = seen.IsExact && isExact && isBetween,
            IsRestored = seen.IsRestored && problems.Count == 0,
            Counted = seen.Counted + atEnd,
            Changes = seen.Changes + 1,
            Why = string.Join("; ", [seen.Why, .. problems, .. isExact && isBetween ? Array.Empty<string>() : [$"at {instruction}: {atEnd - atRest} of {Threads * ExactCalls}, {atRest} between {rest - after} and {rest - before}"]]),
        };
    }

    /// <summary>The same jump in two stores, and back, until the target dies.</summary>
    private static async Task<string> TornAsync(string program)
    {
        const int jumpBytes = 5;
        using var target = new HotCalls(program);
        await target.AskAsync("free");
        using var process = ProcessTarget.Attach(target.Pid).Value;
        var image = ProgramImage.Read(process).Value;
        var at = FunctionParser.Parse(image.Find("hot").Value, image).Value.Entry.Instructions.First(i => i.Length > jumpBytes);
        var original = new byte[jumpBytes];
        process.Read(new Address(at.IP), original);
        // To the next instruction but one: a result that is wrong, not a fault, where the two parts are seen together.
        byte[] jump = [0xe9, .. BitConverter.GetBytes(at.Length - jumpBytes)];
        using var memory = File.OpenHandle($"/proc/{target.Pid}/mem", FileMode.Open, FileAccess.Write);
        var clock = Stopwatch.StartNew();
        for (var toggles = 1; clock.Elapsed < Patience; toggles++)
        {
            foreach (var bytes in new[] { jump, original })
            {
                // Of a process that is no more nothing is written.
                if (pwrite(memory, bytes, 1, (long)at.IP) <= 0 || pwrite(memory, bytes[1..], jumpBytes - 1, (long)at.IP + 1) <= 0) return $"it died after {toggles} times";
            }
            if (!target.IsAlive) return $"it died after {toggles} times";
        }
        return "IT LIVES: this machine does not show what this figure is about";
    }

    /// <summary>pwrite(2): unlike the framework's writing, which goes on until all is written, it tells when nothing can be.</summary>
    [LibraryImport("libc")]
    private static partial nint pwrite(SafeFileHandle file, byte[] bytes, nint count, long offset);

    /// <summary>The program, and its answers.</summary>
    private sealed class HotCalls : IDisposable
    {
        private readonly Process process;

        public HotCalls(string program) => process = Process.Start(new ProcessStartInfo(program) { RedirectStandardInput = true, RedirectStandardOutput = true })!;

        public int Pid => process.Id;

        public bool IsAlive => !process.HasExited;

        /// <summary>Calls of all threads, and wrong results, where the answer has them. Throws IOException when the program has ended.</summary>
        public async Task<(ulong Calls, ulong Wrong)> AskAsync(string line)
        {
            await process.StandardInput.WriteLineAsync(line);
            await process.StandardInput.FlushAsync();
            if (await process.StandardOutput.ReadLineAsync() is not { } answer) throw new IOException("the target ended");
            var fields = answer.Split(' ');
            return fields.Length < 3 ? default : (ulong.Parse(fields[1], CultureInfo.InvariantCulture), ulong.Parse(fields[2], CultureInfo.InvariantCulture));
        }

        public void Dispose()
        {
            if (IsAlive) process.Kill();
            process.WaitForExit();
            process.Dispose();
        }
    }
}
