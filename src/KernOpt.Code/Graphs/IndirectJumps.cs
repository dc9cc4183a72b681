using System.Buffers.Binary;
using System.Collections.Immutable;
using Iced.Intel;
using KernOpt.Target;

namespace KernOpt.Code.Graphs;

/// <summary>
/// Explains the indirect jumps of a trace: each is a jump table with a proved number of entries, or a tail call with the frame gone. A table's
/// targets are traced and everything is proved again on the larger graph, until nothing changes: what holds on the last graph holds, because
/// each step of an execution that the graph has admitted so far can only take an edge that the graph has.
/// </summary>
internal sealed class IndirectJumps(CodeTrace trace)
{
    private const int MostRounds = 40;

    private readonly AbiRegisterUse effects = new();

    public Outcome<FunctionGraph> Resolve()
    {
        for (var round = 0; round < MostRounds; round++)
        {
            var graph = new GraphBuilder(trace).Build();
            var tails = new List<CodePlace>();
            var hasGrown = false;
            foreach (var block in graph.Blocks)
            {
                if (block.End is not (BlockEnd.Table or BlockEnd.IndirectTailJump)) continue;
                var jump = new CodePlace(block.Index, block.Instructions.Length - 1);
                if (!Explain(graph, jump).Try(out var table, out var refusal)) return refusal;
                if (table.IsTailCall) tails.Add(jump);
                else if (!IsKnown(table.Table!))
                {
                    if (trace.Add(table.Table!) is { } notAdded) return notAdded;
                    hasGrown = true;
                }
            }
            if (!hasGrown) return CheckTails(graph, tails) is { } untrue ? untrue : graph;
        }
        return Reasons.UnstableJumpTable.With($"after {MostRounds} rounds");
    }

    private readonly record struct Explanation(JumpTable? Table)
    {
        public bool IsTailCall => Table is null;
    }

    private bool IsKnown(JumpTable table) => trace.Tables.TryGetValue(table.Jump, out var known)
        && known.Table == table.Table && known.Targets.Length == table.Targets.Length && known.BaseInstruction == table.BaseInstruction;

    private Outcome<Explanation> Explain(FunctionGraph graph, CodePlace jump)
    {
        var at = new Address(graph.Blocks[jump.Block].Instructions[jump.Index].IP);
        var shape = new JumpTableMatcher(graph, effects).Match(jump);
        if (!shape.IsTable)
        {
            return trace.Tables.ContainsKey(at) ? Reasons.UnstableJumpTable.With($"the jump at {at}") : new Explanation(null);
        }
        if (shape.Table is not { } table) return Reasons.UnresolvedIndirectJump.With($"the jump at {at} reads an array that is not known");
        if (!Targets(graph, shape, table, at).Try(out var targets, out var refusal)) return refusal;
        if (shape.Kind == JumpTableKind.Absolute && targets.All(IsOtherFunction)) return new Explanation(null);
        return new Explanation(new JumpTable(shape.Kind, table, targets, at, shape.Base));
    }

    /// <summary>As many entries as the index is proved to count, or, where those lead out of the function or nothing is proved, as the table's own extent has.</summary>
    private Outcome<ImmutableArray<Address>> Targets(FunctionGraph graph, JumpTableShape shape, Address table, Address jump)
    {
        var last = new IndexBound(graph, effects).Of(shape.Index, shape.Load);
        var byIndex = last is { } bound ? ReadTargets(shape.Kind, table, (int)bound + 1) : Reasons.UnprovedTableBound.With($"the table at {table} of the jump at {jump}");
        if (shape.Kind != JumpTableKind.RelativeToTable || (byIndex.Try(out var targets, out _) && targets.All(trace.IsOwn))) return byIndex;
        var most = (int)(last ?? IndexBound.Largest) + 1;
        return TableExtent.Of(table, most, trace.Function.Module, trace.Source, trace.IsOwn) is { } count ? ReadTargets(shape.Kind, table, count) : byIndex;
    }

    /// <summary>An array of functions, and the jump a tail call through it.</summary>
    private bool IsOtherFunction(Address target) => target != trace.Function.Start
        && trace.Source.FunctionAt(target) is { IsFragment: false } function && function.Start == target;

    private Outcome<ImmutableArray<Address>> ReadTargets(JumpTableKind kind, Address table, int count)
    {
        var size = kind == JumpTableKind.Absolute ? 8 : 4;
        var bytes = new byte[count * size];
        if (!trace.Source.IsConstantData(new AddressRange(table, (ulong)bytes.Length))) return Reasons.WritableJumpTable.With($"the table at {table}");
        if (trace.Source.Read(table, bytes) != bytes.Length) return Reasons.UnreadableCode.With($"the table at {table}");
        var targets = ImmutableArray.CreateBuilder<Address>(count);
        for (var i = 0; i < count; i++)
        {
            var entry = bytes.AsSpan(i * size);
            targets.Add(kind == JumpTableKind.Absolute
                ? new Address(BinaryPrimitives.ReadUInt64LittleEndian(entry))
                : table + BinaryPrimitives.ReadInt32LittleEndian(entry));
        }
        return targets.MoveToImmutable();
    }

    private Refusal? CheckTails(FunctionGraph graph, List<CodePlace> tails)
    {
        if (tails.Count == 0) return null;
        var depth = new StackDepth(graph, effects);
        foreach (var jump in tails)
        {
            var at = new Address(graph.Blocks[jump.Block].Instructions[jump.Index].IP);
            if (depth.At(jump) != 0) return Reasons.UnresolvedIndirectJump.With($"the jump at {at}: the frame is not proved to be gone");
        }
        foreach (var block in graph.Blocks)
        {
            foreach (var instruction in block.Instructions)
            {
                if (TakesOwnLabel(instruction)) return Reasons.LabelAddressTaken.With($"the instruction at 0x{instruction.IP:x}");
            }
        }
        return null;
    }

    private bool TakesOwnLabel(in Instruction instruction) => instruction.Code == Iced.Intel.Code.Lea_r64_m
        && instruction.IsIPRelativeMemoryOperand
        && new Address(instruction.IPRelativeMemoryAddress) is var label && label != trace.Function.Start && trace.PieceAt(label) is not null;
}
