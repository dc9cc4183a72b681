using System.Diagnostics;
using Iced.Intel;
using KernOpt.Code.Bodies;
using KernOpt.Code.Calls;
using KernOpt.Code.Graphs;
using KernOpt.Code.Images;
using KernOpt.Target;
using KernOpt.Tests.Code.Bodies;

namespace KernOpt.Bench.Figures;

/// <summary>
/// How often code before an instruction needs to save nothing: the share of a program's instructions before which all status flags are dead, and at least one or two general registers,
/// looking at each function alone and with what is known of its callees; and what it takes to know. Arguments: [file].
/// </summary>
internal static class DeadFigure
{
    private const int Runs = 4;
    private const double MostSeconds = 1.5;
    private const double MostMegabytes = 400;
    private const RflagsBits StatusFlags = RflagsBits.CF | RflagsBits.PF | RflagsBits.AF | RflagsBits.ZF | RflagsBits.SF | RflagsBits.OF;

    /// <summary>Instructions, before how many of them that is dead, and of how many functions they are.</summary>
    private readonly record struct Dead(long All, long Flags, long One, long Two, int Functions)
    {
        public static Dead operator +(Dead a, Dead b) => new(a.All + b.All, a.Flags + b.Flags, a.One + b.One, a.Two + b.Two, a.Functions + b.Functions);

        public override string ToString() => $"flags {Share(Flags)}, one register {Share(One)}, two {Share(Two)}";

        private string Share(long part) => $"{100.0 * part / All:0.0} %";
    }

    public static Task<int> RunAsync(string[] arguments)
    {
        var path = arguments.Length > 0 ? arguments[0] : "/lib/x86_64-linux-gnu/libc.so.6";
        var program = LoadedFile.At(path, new Address(0x5555_0000_0000));
        var module = program.Modules[0];
        var functions = module.Functions;
        // The first run is the JIT's, the others are the machine's: it may be busy otherwise.
        var runs = Enumerable.Range(0, Runs).Select(_ => Measure(module, program)).ToList();
        var (uses, seconds, _) = runs.MinBy(r => r.Seconds);
        var megabytes = Process.GetCurrentProcess().PeakWorkingSet64 / 1e6;
        Console.WriteLine($"{path}: {functions.Length:n0} functions, {megabytes:0} MB at most; what each reads and keeps took "
            + string.Join(", ", runs.Select(r => $"{r.Seconds:0.00} s ({r.Processor:0.00} s of processors)")));
        var (alone, time) = Count(functions, program, Liveness.WithoutConventions);
        var entered = functions.Count(f => !f.IsFragment);
        Console.WriteLine($"{alone.Functions:n0} of {entered:n0} functions resolved ({100.0 * alone.Functions / entered:0.00} %), and {functions.Length - entered:n0} split-off parts");
        Console.WriteLine($"{alone.All:n0} instructions; each function alone: {alone} ({time:0.00} s)");
        (var together, time) = Count(functions, program, g => uses.LivenessOf(g));
        Console.WriteLine($"with what is known of callees: {together} ({time:0.00} s)");
        return Task.FromResult(seconds <= MostSeconds && megabytes <= MostMegabytes ? 0 : 1);
    }

    private static (ModuleUses Uses, double Seconds, double Processor) Measure(ModuleImage module, ICodeSource program)
    {
        // What an earlier run has left is none of this one's.
        GC.Collect();
        var (clock, before) = (Stopwatch.StartNew(), Environment.CpuUsage.TotalTime);
        var uses = ModuleUses.Of(module, program, f => FunctionParser.Parse(f, program), CancellationToken.None).Value;
        return (uses, clock.Elapsed.TotalSeconds, (Environment.CpuUsage.TotalTime - before).TotalSeconds);
    }

    private static (Dead Dead, double Seconds) Count(IEnumerable<Function> functions, ICodeSource program, Func<FunctionGraph, Liveness<BasicBlock>> livenessOf)
    {
        var clock = Stopwatch.StartNew();
        var total = functions.AsParallel()
            .Select(f => FunctionParser.Parse(f, program).Try(out var graph, out _) ? Count(graph, livenessOf(graph)) : default)
            .Aggregate(default(Dead), (sum, d) => sum + d);
        return (total, clock.Elapsed.TotalSeconds);
    }

    private static Dead Count(FunctionGraph graph, Liveness<BasicBlock> liveness)
    {
        var sum = default(Dead) with { Functions = 1 };
        foreach (var block in graph.Blocks)
        {
            for (var i = 0; i < block.Instructions.Length; i++)
            {
                var live = liveness.Before(block, i);
                var registers = 0;
                for (var register = Register.RAX; register <= Register.R15; register++) registers += live.Parts(register) == RegisterPart.None ? 1 : 0;
                sum += new Dead(1, (live.Flags & StatusFlags) == 0 ? 1 : 0, registers >= 1 ? 1 : 0, registers >= 2 ? 1 : 0, 0);
            }
        }
        return sum;
    }
}
