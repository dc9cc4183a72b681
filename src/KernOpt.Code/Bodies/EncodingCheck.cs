using System.Buffers.Binary;
using Iced.Intel;
using KernOpt.Code.Graphs;
using KernOpt.Target;

namespace KernOpt.Code.Bodies;

/// <summary>
/// Decodes encoded bytes and holds them against the body that they were made from, with nothing of the encoder's own book-keeping but where
/// the blocks begin: each block must decode to its instructions, and control must come from its end to where its terminator says.
/// </summary>
public static class EncodingCheck
{
    /// <summary>Refused (<see cref="Reasons.EncodingMismatch"/>) at the first place where the bytes say something else.</summary>
    public static Outcome<Done> Compare(FunctionBody body, EncodedCode code) =>
        new EncodingComparison(body, code).Run() is { } fault ? Reasons.EncodingMismatch.With($"{body.Function}: {fault}") : Done.It;
}

/// <summary>One run of <see cref="EncodingCheck.Compare"/>. Methods answer the fault, or null.</summary>
internal sealed class EncodingComparison
{
    private readonly FunctionBody body;
    private readonly EncodedCode code;
    private readonly Dictionary<BodyBlock, Address> places;
    private readonly Dictionary<Address, Address> newTables = [];
    private readonly Dictionary<Address, JumpTable> anchors = [];

    public EncodingComparison(FunctionBody body, EncodedCode code)
    {
        this.body = body;
        this.code = code;
        places = code.Blocks.ToDictionary(b => b.Block, b => b.At);
        foreach (var block in places.Keys)
        {
            if (block.End is Terminator.Table { OwnTable: true } table && TableAnchor.Of(table.Original, table.Jump) is { } anchor) anchors[anchor] = table.Original;
        }
    }

    public string? Run()
    {
        if (!code.Entries.SequenceEqual(body.Entries.Select(e => places.GetValueOrDefault(e)))) return "the entries are not where their blocks are";
        var ends = new List<(BodyBlock Block, Address At)>();
        foreach (var (block, at) in code.Blocks)
        {
            var place = at;
            foreach (var instruction in block.Instructions)
            {
                if (ExpectInstruction(instruction, ref place) is { } fault) return $"{block}: {fault}";
            }
            ends.Add((block, place));
        }
        // Tables are read when every instruction that points at one has been seen.
        foreach (var (block, at) in ends)
        {
            if (FaultOfEnd(block, at) is { } fault) return $"{block}: {fault}";
        }
        return null;
    }

    private string? ExpectInstruction(in Instruction expected, ref Address at)
    {
        if (!TryDecode(at, out var found)) return $"no instruction at {at}";
        var place = at;
        at = new Address(found.NextIP);
        if (InstructionMeaning.AreEqual(expected, found)) return null;
        if (expected.IP != 0 && anchors.TryGetValue(new Address(expected.IP), out var table) && IsRepointed(expected, found, table)) return null;
        return $"{found} at {place} where {expected} should be";
    }

    private bool IsRepointed(in Instruction expected, in Instruction found, JumpTable table)
    {
        for (var at = (code.At + code.CodeBytes).AlignUp(4); at < code.Range.End; at += 4)
        {
            var moved = expected;
            if (!TableAnchor.Holds(found, at) || !TableAnchor.TryRepoint(ref moved, table.Table, at) || !InstructionMeaning.AreEqual(moved, found)) continue;
            newTables[new Address(expected.IP)] = at;
            return true;
        }
        return false;
    }

    private string? FaultOfEnd(BodyBlock block, Address at) => block.End switch
    {
        Terminator.Goto to => FaultOfArrival(at, to.To),
        Terminator.Exit exit => Follow(at) == exit.To ? null : $"does not leave to {exit.To}",
        Terminator.Branch branch => FaultOfBranch(branch, at),
        Terminator.CounterBranch counter => FaultOfCounter(counter, at),
        Terminator.Table table => ExpectInstruction(table.Jump, ref at) ?? (table.OwnTable ? FaultOfTable(table) : null),
        Terminator.IndirectExit exit => ExpectInstruction(exit.Jump, ref at),
        Terminator.Return end => ExpectInstruction(end.Instruction, ref at),
        Terminator.Unreachable when block.Instructions is [.., { Mnemonic: Mnemonic.Ud2 }] => null,
        Terminator.Unreachable => TryDecode(at, out var fence) && fence.Mnemonic == Mnemonic.Ud2 ? null : "no fence behind the end",
        _ => "unknown terminator",
    };

    private string? FaultOfBranch(Terminator.Branch branch, Address at)
    {
        if (!TryDecode(at, out var jump) || !jump.IsJccShortOrNear) return FaultOfArrival(at, branch.Taken) ?? FaultOfArrival(at, branch.Else);
        var isNegated = jump.ConditionCode == Conditions.Negate(branch.Condition);
        if (!isNegated && jump.ConditionCode != branch.Condition) return $"{jump} where the condition is {branch.Condition}";
        return FaultOfArrival(new Address(jump.NearBranchTarget), isNegated ? branch.Else : branch.Taken)
            ?? FaultOfArrival(new Address(jump.NextIP), isNegated ? branch.Taken : branch.Else);
    }

    private string? FaultOfCounter(Terminator.CounterBranch counter, Address at)
    {
        if (!TryDecode(at, out var jump) || jump.Code != counter.Instruction.Code) return $"no {counter.Instruction.Mnemonic} at {at}";
        return FaultOfArrival(new Address(jump.NearBranchTarget), counter.Taken) ?? FaultOfArrival(new Address(jump.NextIP), counter.Else);
    }

    private string? FaultOfTable(Terminator.Table table)
    {
        if (TableAnchor.Of(table.Original, table.Jump) is not { } anchor || !newTables.TryGetValue(anchor, out var start)) return "the jump's table was not found";
        var isAbsolute = table.Original.Kind == JumpTableKind.Absolute;
        for (var i = 0; i < table.Cases.Count; i++)
        {
            var entry = (int)(start - code.At) + i * (isAbsolute ? 8 : 4);
            if (entry + (isAbsolute ? 8 : 4) > code.Bytes.Length) return $"the table at {start} ends before entry {i}";
            var to = isAbsolute
                ? new Address(BinaryPrimitives.ReadUInt64LittleEndian(code.Bytes.AsSpan(entry)))
                : start + BinaryPrimitives.ReadInt32LittleEndian(code.Bytes.AsSpan(entry));
            if (FaultOfArrival(to, table.Cases[i]) is { } fault) return $"entry {i} of the table: {fault}";
        }
        return null;
    }

    private string? FaultOfArrival(Address from, BodyBlock wanted)
    {
        var arrived = Follow(from);
        var expected = ExpectedPlace(wanted);
        return arrived == expected || (places.TryGetValue(wanted, out var own) && from == own) ? null : $"control comes to {arrived}, not to {wanted} at {expected}";
    }

    /// <summary>Where control ends up that is sent to a block: past blocks that hold nothing but a goto.</summary>
    private Address ExpectedPlace(BodyBlock block)
    {
        var to = BlockPlacement.Resolve(block);
        return to.Block is { } inside ? places.TryGetValue(inside, out var at) ? Follow(at) : Address.Zero : to.Outside;
    }

    /// <summary>Goes along nops and unconditional jumps until something else stands there, or the code is left.</summary>
    private Address Follow(Address at)
    {
        var seen = new HashSet<Address>();
        while (seen.Add(at) && TryDecode(at, out var instruction))
        {
            if (IsPadding(instruction)) at = new Address(instruction.NextIP);
            else if (instruction.IsJmpShortOrNear) at = new Address(instruction.NearBranchTarget);
            else break;
        }
        return at;
    }

    private static bool IsPadding(in Instruction instruction) => instruction.Mnemonic == Mnemonic.Nop;

    private bool TryDecode(Address at, out Instruction instruction)
    {
        instruction = default;
        var offset = at - code.At;
        if (offset < 0 || offset >= code.CodeBytes) return false;
        var decoder = Decoder.Create(64, new ByteArrayCodeReader(code.Bytes, (int)offset, code.CodeBytes - (int)offset), at.Value);
        instruction = decoder.Decode();
        return !instruction.IsInvalid;
    }
}
