using System.Diagnostics.CodeAnalysis;

namespace KernOpt.Target;

/// <summary>Why something was not done: a numbered, documented reason and the particulars of this case.</summary>
public sealed record Refusal(Reason Reason, string Detail)
{
    public override string ToString() => Detail.Length == 0 ? $"{Reason}" : $"{Reason}: {Detail}";
}

/// <summary>The value of a step that carries none.</summary>
public readonly record struct Done
{
    public static readonly Done It;
}

/// <summary>A value, or the refusal that stands in its place. Exceptions are for bugs only.</summary>
public readonly struct Outcome<T>
{
    private readonly T? value;
    private readonly Refusal? refusal;
    private readonly bool isDone;

    private Outcome(T? value, Refusal? refusal, bool isDone)
    {
        this.value = value;
        this.refusal = refusal;
        this.isDone = isDone;
    }

    public bool IsDone => isDone;

    /// <summary>The value; asking for it after a refusal is a bug and throws.</summary>
    public T Value => isDone ? value! : throw new InvalidOperationException($"refused: {refusal}");

    /// <summary>The refusal; asking for it after success is a bug and throws.</summary>
    public Refusal Refusal => isDone ? throw new InvalidOperationException("not refused") : refusal ?? new Refusal(Reasons.Unset, "");

    public bool Try([MaybeNullWhen(false)] out T result, [MaybeNullWhen(true)] out Refusal why)
    {
        result = value;
        why = isDone ? null : Refusal;
        return isDone;
    }

    public static implicit operator Outcome<T>(T value) => new(value, null, true);
    public static implicit operator Outcome<T>(Refusal refusal) => new(default, refusal, false);

    /// <summary>The same refusal for another type of value.</summary>
    public Outcome<TOther> As<TOther>() => Refusal;

    public Outcome<TNext> Then<TNext>(Func<T, Outcome<TNext>> next) => isDone ? next(value!) : Refusal;

    public override string ToString() => isDone ? $"{value}" : $"refused: {refusal}";
}
