namespace KernOpt.Live.Points;

/// <summary>
/// Code of points that few passages come to. It is written behind the way back, so that what most of them run lies together in one cache line: on a Zen 3, a passage through two takes a cycle
/// more, and four more while the core is shared.
/// </summary>
public sealed class OutOfLine
{
    private readonly Queue<Action> pieces = [];

    /// <summary>A piece begins with a label and ends by a jump: nothing else leads to it, and it leads on to nothing.</summary>
    public void Add(Action piece) => pieces.Enqueue(piece);

    /// <summary>Writes all pieces, also those that pieces add.</summary>
    public void Write()
    {
        while (pieces.TryDequeue(out var piece)) piece();
    }
}
