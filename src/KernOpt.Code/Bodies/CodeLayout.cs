using System.Collections.Immutable;
using KernOpt.Target;

namespace KernOpt.Code.Bodies;

/// <summary>
/// Turns a body into bytes. Blocks lie as in <see cref="FunctionBody.Order"/> with as few and as short jumps as that allows; the copy's own jump
/// tables lie behind the code. The result is decoded again and compared with the body before it is handed out.
/// </summary>
public static class CodeLayout
{
    private const int TableAlignment = 8;

    /// <summary>Refused when an operand cannot be reached from <paramref name="at"/>, or when the bytes do not say what the body says.</summary>
    public static Outcome<EncodedCode> Encode(FunctionBody body, Address at)
    {
        if (!BodyVerifier.Check(body).Try(out _, out var broken)) return broken;
        var farCounters = new HashSet<BodyBlock>();
        while (true)
        {
            if (!PieceList.Of(body, farCounters).Try(out var list, out var why)) return why;
            var tooFar = JumpRelaxation.Run(list, at);
            if (tooFar.Count == 0) return Emit(body, list, at).Then(code => EncodingCheck.Compare(body, code).Then<EncodedCode>(_ => code));
            farCounters.UnionWith(tooFar);
        }
    }

    /// <summary>No encoding of this body, wherever it is put, has more bytes than this, tables included; refused when it has none at all.</summary>
    public static Outcome<int> UpperBound(FunctionBody body)
    {
        if (!BodyVerifier.Check(body).Try(out _, out var broken)) return broken;
        var counters = body.Order.Where(b => b.End is Terminator.CounterBranch).ToHashSet();
        return PieceList.Of(body, counters).Then<int>(list => JumpRelaxation.UpperBound(list) + list.Tables.Sum(t => t.Length + TableAlignment));
    }

    private static Outcome<EncodedCode> Emit(FunctionBody body, PieceList list, Address at)
    {
        var end = list.Pieces[^1].Close;
        var codeBytes = (int)(end - at);
        foreach (var table in list.Tables)
        {
            table.At = end.AlignUp(TableAlignment);
            end = table.At + table.Length;
        }
        var emission = new CodeEmission(list, at, (int)(end - at));
        if (emission.Run() is { } why) return why;
        return new EncodedCode(at, emission.Bytes, [.. body.Entries.Select(e => list.LabelOf(e).Close)], emission.Map)
        {
            CodeBytes = codeBytes,
            Blocks = [.. list.Blocks.Select(b => (b, list.LabelOf(b).Close))],
            Tables = [.. list.Tables.Select(t => (t.Table.Original, t.At))],
        };
    }
}
