using KernOpt.Target;

namespace KernOpt.Code.Bodies;

/// <summary>
/// Gives every piece its address. Jumps start short and grow to near where they do not reach; they never shrink again, so this ends after
/// at most as many rounds as there are jumps.
/// </summary>
internal static class JumpRelaxation
{
    /// <summary>The owners of counter branches that do not reach in their short form; when there are any, the pieces must be made anew.</summary>
    public static IReadOnlyList<BodyBlock> Run(PieceList list, Address at)
    {
        bool hasGrown;
        do
        {
            Assign(list, at);
            hasGrown = false;
            foreach (var piece in list.Pieces)
            {
                if (piece is not JumpPiece { IsNear: false } jump || IsShort(jump.Target.Address - (jump.At + 2))) continue;
                jump.IsNear = true;
                hasGrown = true;
            }
        }
        while (hasGrown);
        return [.. list.Pieces.OfType<CounterPiece>().Where(c => !IsShort(c.Target.Close - c.Close)).Select(c => c.Owner)];
    }

    /// <summary>No more bytes of code than this at any address: every jump near, all padding.</summary>
    public static int UpperBound(PieceList list) => list.Pieces.Sum(piece => piece switch
    {
        LabelPiece label => label.IsAligned ? LabelPiece.MostPadding : 0,
        JumpPiece jump => jump.Condition == Iced.Intel.ConditionCode.None ? 5 : 6,
        _ => piece.Length,
    });

    private static bool IsShort(long distance) => distance is >= sbyte.MinValue and <= sbyte.MaxValue;

    private static void Assign(PieceList list, Address at)
    {
        foreach (var piece in list.Pieces)
        {
            piece.At = at;
            piece.Length = piece switch
            {
                LabelPiece label => label.IsAligned ? Padding(at) : 0,
                JumpPiece jump => jump.CurrentLength,
                _ => piece.Length,
            };
            at = piece.Close;
        }
    }

    private static int Padding(Address at)
    {
        var padding = (int)(at.AlignUp(LabelPiece.Alignment) - at);
        return padding <= LabelPiece.MostPadding ? padding : 0;
    }
}
