using System.Collections.Immutable;
using Iced.Intel;
using KernOpt.Code.Bodies;
using KernOpt.Code.Graphs;
using KernOpt.Code.Images;
using KernOpt.Optimize.Facts;
using KernOpt.Optimize.Guards;
using KernOpt.Optimize.Layout;
using KernOpt.Optimize.Passes;
using KernOpt.Target;

namespace KernOpt.Optimize.Versions;

/// <summary>Makes versions of functions. The site is the instruction of the entry block that will be redirected; what runs before it has run in both versions.</summary>
public static class VersionBuilder
{
    /// <summary>The same code, free to be moved.</summary>
    public static Outcome<FunctionVersion> Identity(FunctionGraph graph, Address site) => BodyBuilder.Copy(graph, site, withFullEntry: false).Then<FunctionVersion>(body =>
    {
        var size = BodyMeasure.SizeOf(body);
        return new FunctionVersion(body, new VersionStatistics(size, size), []);
    });

    /// <summary>
    /// The function under the assumption that arguments have certain values. Entries[0] of the body is a guard at the site; with
    /// <paramref name="withFullEntry"/> Entries[1] is the function's own entry without a guard, for callers that are proved to pass these values.
    /// Refused: a binding that is not an argument; a site where a bound value is in no register (take another site);
    /// bindings that gain nothing.
    /// </summary>
    /// <param name="results">What callers are known to read after a call (<see cref="ResultRegisters"/>).</param>
    public static Outcome<FunctionVersion> Specialize(
        FunctionGraph graph, ICodeSource source, Address site, IReadOnlyList<EntryBinding> bindings, GuardTargets guard, bool withFullEntry, LiveSet results = default) =>
        Bindings.Check(graph, bindings).Then(checkedBindings =>
            BodyBuilder.Copy(graph, site, withFullEntry, results).Then(body => new Specialization(graph, source, site, checkedBindings, body).Run(guard, withFullEntry)));

    /// <summary>
    /// The same code with hot paths laid straight and cold blocks behind. Counts are executions by the start of each block of the graph; a block that is missing has
    /// not been run. Refused when the order that is there is as good.
    /// </summary>
    public static Outcome<FunctionVersion> Outline(FunctionGraph graph, Address site, IReadOnlyDictionary<Address, long> counts) =>
        BodyBuilder.Copy(graph, site, withFullEntry: false).Then<FunctionVersion>(body =>
        {
            foreach (var block in body.Order)
            {
                if (block.Origin is { } origin) block.Count = counts.GetValueOrDefault(origin == site ? graph.Entry.Start : origin);
            }
            var (before, taken) = (BodyMeasure.SizeOf(body), EdgeWeights.TakenJumps(body));
            var context = new PassContext(null, Assumptions.None);
            if (!PassPipeline.Run(PassPipeline.Outlining, body, context).Try(out var reports, out var why)) return why;
            var after = EdgeWeights.TakenJumps(body);
            if (after >= taken * 0.99) return Reasons.NothingToGain.With($"{taken:0} jumps taken before, {after:0} after, in {graph.Function}");
            return new FunctionVersion(body, new VersionStatistics(before, BodyMeasure.SizeOf(body)) { TakenJumpsBefore = taken, TakenJumpsAfter = after }, reports);
        });
}

/// <summary>The work of one <see cref="VersionBuilder.Specialize"/>.</summary>
internal sealed class Specialization(FunctionGraph graph, ICodeSource source, Address site, IReadOnlyList<EntryBinding> bindings, FunctionBody body)
{
    /// <summary>A call's guard costs some cycles: fewer instructions alone must pay for it.</summary>
    private const int FewestInstructionsSaved = 3;

    public Outcome<FunctionVersion> Run(GuardTargets guard, bool withFullEntry)
    {
        var before = BodyMeasure.SizeOf(body);
        var written = graph.Blocks.SelectMany(b => b.Instructions).Select(i => RegisterEffects.Of(i)).Where(e => !e.IsOpaque)
            .Aggregate(LiveSet.Empty, (set, e) => set | e.Writes);
        var liveness = Liveness.Of(body);
        var head = body.Entries[0];
        Instruction[] prefix = [.. graph.Entry.Instructions.TakeWhile(i => i.IP != site.Value)];
        var places = ArgumentPlaces.After(prefix, bindings.Select(b => b.Argument));
        if (!new EntryGuard(body, guard, liveness.In(head), written, prefix).Insert(head, bindings, places).Try(out var passed, out var refusal)) return refusal;

        var assumptions = new Assumptions();
        assumptions.Add(body.Entries[0], AfterPrefix(prefix, []));
        assumptions.Add(passed, BehindGuard(prefix));
        if (withFullEntry) AddFullEntry(assumptions);
        PutEntriesFirst(passed);
        body.Rebuild();

        var guardSize = BodyMeasure.SizeOf(body).Instructions - before.Instructions;
        var context = new PassContext(source, assumptions) { WrittenByOriginal = written };
        if (!PassPipeline.Run(PassPipeline.Specialization, body, context).Try(out var reports, out var why)) return why;
        var statistics = Statistics(before, BodyMeasure.SizeOf(body), guardSize, reports);
        if (!IsWorthwhile(statistics)) return Reasons.NothingToGain.With($"{string.Join(", ", bindings)} in {graph.Function}");
        return new FunctionVersion(body, statistics, reports);
    }

    /// <summary>What holds where the guard has let a call pass: the flags are those of its comparisons.</summary>
    private MachineFacts BehindGuard(IEnumerable<Instruction> prefix)
    {
        var facts = AfterPrefix(prefix, bindings);
        facts.ForgetFlags(MachineFacts.StatusFlags);
        return facts;
    }

    /// <summary>What holds at the site when the bindings hold at the function's entry.</summary>
    private MachineFacts AfterPrefix(IEnumerable<Instruction> prefix, IReadOnlyList<EntryBinding> bound)
    {
        var facts = Bindings.AtEntry(bound);
        var transfer = new Transfer(source, new HashSet<ulong>());
        foreach (var instruction in prefix) transfer.Apply(instruction, facts);
        return facts;
    }

    private void AddFullEntry(Assumptions assumptions)
    {
        var full = body.NewBlock();
        full.End = new Terminator.Goto(body.Entries[1]);
        body.Entries[1] = full;
        assumptions.Add(full, Bindings.AtEntry(bindings));
    }

    /// <summary>The guard lies right before the code that it guards; the way out on a miss stays behind everything.</summary>
    private void PutEntriesFirst(BodyBlock passed)
    {
        List<BodyBlock> first = [];
        for (var block = body.Entries[0]; block != passed; block = ((Terminator.Branch)block.End).Else) first.Add(block);
        first.Add(passed);
        body.Order.RemoveAll(first.Contains);
        body.Order.InsertRange(0, first);
    }

    private static VersionStatistics Statistics(BodySize before, BodySize after, int guard, ImmutableArray<PassReport> reports)
    {
        int Changes(string id) => reports.Where(r => r.Pass == id).Sum(r => r.Changes);
        return new VersionStatistics(before, after)
        {
            GuardInstructions = guard,
            BranchesDecided = Changes("decide-branches"),
            TablesDecided = Changes("decide-tables"),
            ConstantsFolded = Changes("fold-constants"),
            OperandsSubstituted = Changes("substitute-operands"),
            OperationsReduced = Changes("reduce-strength"),
            InstructionsRemoved = Changes("remove-dead-instructions"),
        };
    }

    private static bool IsWorthwhile(VersionStatistics s) => s.TablesDecided + s.OperationsReduced > 0
        || s.Before.Instructions + s.GuardInstructions - s.After.Instructions >= FewestInstructionsSaved;
}
